// Shows the button that prints the page. Without this script the browser's own menu does that.
"use strict";

const button = document.getElementById("print");
button.hidden = false;
button.addEventListener("click", () => window.print());
