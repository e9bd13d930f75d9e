"use strict";
/* The script of a live page: it receives sections and gives them to `window.hydraVertex.apply`. */
