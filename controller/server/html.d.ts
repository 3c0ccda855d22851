/** The bundler puts the text of such a file in its place. */
declare module '*.html' {
  const text: string;
  // biome-ignore lint/style/noDefaultExport: the bundler's form for text
  export default text;
}
