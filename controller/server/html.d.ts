/** The bundler puts the text of such a file in its place. */
declare module '*.html' {
  const text: string;
  // biome-ignore lint/style/noDefaultExport: esbuild's text loader gives a file's text as the default export, and nothing else
  export default text;
}
