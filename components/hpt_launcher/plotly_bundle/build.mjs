// Builds the report's bundle of plotly.js: `npm ci && npm run build` in this folder.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import * as esbuild from "esbuild";

const OUTPUT = "../hydra_vertex/launcher/report/plotly";
// Components that plotly.js's core registers, and that no figure of the report uses.
const UNUSED = /\/components\/(annotations3d|images|rangeselector|sliders|updatemenus)$/;

const withoutUnused = {
  name: "without-unused",
  setup(build) {
    build.onResolve({ filter: UNUSED }, ({ path, importer }) =>
      importer.endsWith("/plotly.js/src/core.js") ? { path, namespace: "unused" } : undefined);
    build.onLoad({ filter: /.*/, namespace: "unused" }, ({ path }) => ({
      contents: `module.exports = { moduleType: "component", name: "unused-${path.split("/").pop()}" };`,
    }));
    build.onLoad({ filter: /\.css$/ }, () => ({ contents: "", loader: "js" }));
  },
};

const { version } = JSON.parse(readFileSync("node_modules/plotly.js/package.json", "utf8"));
const { outputFiles, metafile } = await esbuild.build({
  entryPoints: ["entry.js"],
  bundle: true,
  minify: true,
  write: false,
  metafile: true,
  format: "iife",
  globalName: "Plotly",
  target: "es2020",
  define: { global: "window", "define.amd": "false" },
  legalComments: "none",
  charset: "utf8",
  plugins: [withoutUnused],
});
const text = outputFiles[0].text;
for (const forbidden of ["new Function(", "eval("]) {
  if (text.includes(forbidden)) throw new Error(`the bundle contains ${forbidden}, which the page's policy forbids`);
}
const heading = `/* plotly.js ${version}, a part of it: see components/hpt_launcher/plotly_bundle. MIT licence. */\n`;
writeFileSync(`${OUTPUT}/plotly.min.js`, heading + text);
writeFileSync(`${OUTPUT}/LICENSES.txt`, licences(Object.values(metafile.outputs)[0].inputs));
console.log(`plotly.js ${version}: ${heading.length + text.length} characters`);

/** Return the licences of all packages that are in the bundle. */
function licences(inputs) {
  const folders = Object.entries(inputs).flatMap(([path, { bytesInOutput }]) =>
    bytesInOutput ? path.match(/.*node_modules\/(?:@[^/]+\/)?[^/]+/) || [] : []);
  const byName = new Map([...new Set(folders)].map((folder) => [folder.replace(/.*node_modules\//, ""), folder]));
  return [...byName].sort().map(([name, folder]) => {
    const about = JSON.parse(readFileSync(`${folder}/package.json`, "utf8"));
    const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
    const text = file ? readFileSync(`${folder}/${file}`, "utf8").trim() : "(the package has no file of its licence)";
    return `${name} ${about.version}: ${about.license || JSON.stringify(about.licenses)}\n\n${text}\n`;
  }).join(`\n${"-".repeat(78)}\n\n`);
}
