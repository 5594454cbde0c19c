// Fails without the development dependencies.
require("fs").writeFileSync("built.txt", require("escape-html")("built"));
