// node validate.mjs OPENAPI SCHEMA.n.json...: whether the description is OpenAPI 3.1, and each file what its schema says.
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { Validator } from "@seriousme/openapi-schema-validator";
import Ajv2020 from "ajv/dist/2020.js";
import addFormats from "ajv-formats";

const [descriptionFile, ...files] = process.argv.slice(2);
const description = JSON.parse(readFileSync(descriptionFile, "utf8"));
const validator = new Validator();
const verdict = await validator.validate(structuredClone(description));
let failed = 0;

if (!verdict.valid || validator.version !== "3.1") {
  console.log("openapi:", validator.version, JSON.stringify(verdict.errors));
  failed++;
}
const ajv = new Ajv2020({ strict: false, allErrors: true });
addFormats(ajv);
ajv.addSchema({ $id: "openapi", ...description });
for (const file of files) {
  const schema = basename(file).split(".")[0];
  const check = ajv.getSchema(`openapi#/components/schemas/${schema}`);
  if (!check(JSON.parse(readFileSync(file, "utf8")))) {
    console.log(file, JSON.stringify(check.errors));
    failed++;
  }
}
process.exit(failed ? 1 : 0);
