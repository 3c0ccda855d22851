import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  commonCommands,
  imageCommands,
  SUPERVISED_IMAGES,
  type SupervisedImage,
  supervisorFiles,
} from '../support/image-root.ts';
import { commandsOf } from '../support/shell-commands.ts';

const root = path.resolve(import.meta.dirname, '../..');
/** What is in an image although its supervisor does not call it by name. */
const OTHERS: Readonly<Record<SupervisedImage, readonly string[]>> = {
  keepalived: ['chown', 'keepalived', 'ls', 'sh', 'tini', 'touch'],
  proxy: ['cat', 'haproxy', 'ls', 'sh', 'tini'],
  // The layer that it begins with is one with the others'.
  bird: commonCommands(),
};

/** The text of an image's supervisor with the parts that it reads. */
function supervisorOf(image: SupervisedImage): string {
  const [supervisor = '', ...parts] = supervisorFiles(image)
    .filter((file) => !file.endsWith('.awk'))
    .map((file) => ({ name: path.basename(file), text: readFileSync(file, 'utf8') }))
    .map(({ name, text }, index, all) => (index === 0 || all[0]?.text.includes(`/${name}"`) ? text : ''));
  return [supervisor, ...parts].join('\n');
}

/** Programs that somebody shall run in the keepalived container, according to a text. */
function executedIn(text: string): string[] {
  return [...text.matchAll(/kubectl[^\n]* exec [^\n]*-c keepalived -- ([a-z]+)/g)].map(([, name = '']) => name);
}

describe('commandsOf', () => {
  it('finds programs where commands stand, and nothing in comments and strings', () => {
    const script = `# cat this
work() {
	echo "rm it; mv it"
	said=$(date -u) && sort 'a; b' | tail -n 1 || { head; }
	if ! grep -q x; then sleep 1; fi
	timeout -k 1 "$LIMIT" flock -n 9
	value=\${1#*=} # sed that
	case $1 in
	stray) rm that ;;
	a|b)
		mv it ;;
	esac
}
work; while mkdir "$(paste "$1")"; do :; done`;
    const expected = [
      'date',
      'flock',
      'grep',
      'head',
      'mkdir',
      'mv',
      'paste',
      'rm',
      'sleep',
      'sort',
      'tail',
      'timeout',
    ];
    expect(commandsOf(script)).toEqual(expected);
  });
});

describe.each(SUPERVISED_IMAGES)('the image %s', (image) => {
  it('has every command that the supervisor calls, and no other without a reason', () => {
    const called = commandsOf(supervisorOf(image));
    expect(imageCommands(image).toSorted()).toEqual([...new Set([...called, ...OTHERS[image]])].toSorted());
  });
});

describe('the layer that these images begin with', () => {
  it('has the commands that all of them have, and no other', () => {
    const [first, ...others] = SUPERVISED_IMAGES.map((image) => imageCommands(image));
    const common = first?.filter((name) => others.every((commands) => commands.includes(name)));
    expect(commonCommands().toSorted()).toEqual(common?.toSorted());
  });

  it('is made by the same lines', () => {
    const beginning = (image: SupervisedImage) => {
      const text = readFileSync(path.join(root, 'images', image, 'Dockerfile'), 'utf8');
      const [, lines] = /(^ARG DEBIAN=[\s\S]*?^FROM scratch AS below\n.*\n)/m.exec(text) ?? [];
      return lines;
    };
    expect(beginning('proxy')).toBeDefined();
    for (const image of SUPERVISED_IMAGES) expect(beginning(image)).toBe(beginning('proxy'));
  });
});

describe('the keepalived image', () => {
  it('has every command that the documentation runs in it', () => {
    const files = ['docs/*.md', 'chart/*.md', 'chart/templates/NOTES.txt'].flatMap((each) =>
      globSync(each, { cwd: root }),
    );
    const asked = files.flatMap((file) => executedIn(readFileSync(path.join(root, file), 'utf8')));
    expect(asked).toContain('curl');
    expect(asked.filter((name) => !imageCommands().includes(name))).toEqual([]);
  });
});
