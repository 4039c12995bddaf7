import parser from "@typescript-eslint/parser";
import vue from "eslint-plugin-vue";
import a11y from "eslint-plugin-vuejs-accessibility";

export default [
  ...vue.configs["flat/recommended"],
  ...a11y.configs["flat/recommended"],
  {
    files: ["**/*.vue"],
    languageOptions: { parserOptions: { parser, sourceType: "module" } },
    rules: {
      // Layout of templates is not what this linter is for.
      "vue/max-attributes-per-line": "off",
      "vue/singleline-html-element-content-newline": "off",
      "vue/html-self-closing": "off",
      "vue/html-indent": "off",
      "vue/html-closing-bracket-newline": "off",
      "vue/first-attribute-linebreak": "off",
      "vue/attributes-order": "off",
      "vue/multiline-html-element-content-newline": "off",
      "vue/require-default-prop": "off",
      "vue/multi-word-component-names": "off",
      // The server renders and sanitises every piece of HTML that is shown.
      "vue/no-v-html": "off",
      // Nuxt UI's inputs are labelled through the enclosing field.
      "vuejs-accessibility/label-has-for": ["error", { required: { some: ["nesting", "id"] } }],
      "vuejs-accessibility/no-autofocus": "off",
      // The grid and the tree hold the focus for what is inside them; axe checks the result.
      "vuejs-accessibility/interactive-supports-focus": "off",
      "vuejs-accessibility/no-static-element-interactions": "error",
      "vue/no-static-inline-styles": "error",
    },
  },
  { ignores: ["dist", "src/api/schema.d.ts"] },
];
