/**
 * A program for a container that has Node and nothing else: looks at every file and folder that its user can see and gives those that it could
 * write to, as a JSON list. What lies in a folder that is on the list is not looked at; devices and what the kernel makes up (/proc, /sys)
 * neither.
 */
export const LIST_WRITABLE = `
const fs = require('fs'), found = [];
const look = (path) => {
  let is;
  try { is = fs.lstatSync(path); } catch { return; }
  if (is.isSymbolicLink() || is.isCharacterDevice()) return;
  try { fs.accessSync(path, fs.constants.W_OK); found.push(path); return; } catch {}
  if (!is.isDirectory()) return;
  let names = [];
  try { names = fs.readdirSync(path); } catch {}
  for (const name of names) look((path === '/' ? '' : path) + '/' + name);
};
for (const name of fs.readdirSync('/')) if (name !== 'proc' && name !== 'sys') look('/' + name);
try { fs.accessSync('/', fs.constants.W_OK); found.push('/'); } catch {}
console.log(JSON.stringify(found.sort()));
`;
