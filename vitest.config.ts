import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 300_000,
    hookTimeout: 300_000,
    // .ci/run sums up from the file.
    reporters:
      process.env["CI"] === undefined ? ["default"] : ["default", ["json", { outputFile: "build/tests.json" }]],
  },
});
