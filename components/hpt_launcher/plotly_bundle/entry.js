// What the report's figures need of plotly.js: Cartesian axes with scatter (which is part of its core), bar and contour.
const Plotly = require("plotly.js/src/core");
Plotly.register([require("plotly.js/lib/bar"), require("plotly.js/lib/contour")]);
module.exports = Plotly;
