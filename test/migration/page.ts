/*
 * The page that is walked: its commands are run as they stand there, so that what it says and what is tried cannot differ.
 */

/**
 * The blocks of shell commands in a section of a page, in their order. Pure.
 * @param heading text of the section's heading, of the second level
 * @throws Error that names the section without commands
 */
export function commandBlocks(markdown: string, heading: string): string[] {
  const sections = markdown.split(/^## /m).slice(1);
  const section = sections.find((text) => text.startsWith(`${heading}\n`)) ?? '';
  const blocks = [...section.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, commands = '']) => commands);
  if (blocks.length === 0) throw new Error(`there are no commands in a section "${heading}"`);
  return blocks;
}
