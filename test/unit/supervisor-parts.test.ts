import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { imageCommands, SUPERVISED_IMAGES, type SupervisedImage, supervisorFiles } from '../support/image-root.ts';
import { commandsOf } from '../support/shell-commands.ts';

/** One file of the supervisor. */
interface Part {
  readonly name: string;
  readonly text: string;
  /** Functions that its head offers to others, or asks of others. */
  readonly offers: readonly string[];
  readonly asks: readonly string[];
  /** Whether its head says that it serves any supervised process. */
  readonly general: boolean;
  /** Whether it is where such parts are. */
  readonly common: boolean;
}

function listAfter(head: string, label: string): string[] {
  const line = head.replaceAll(/\n# {2,}/g, ' ').match(new RegExp(`^# ${label}: (.*)$`, 'm'));
  return line?.[1]?.split(/,\s*/) ?? [];
}

function partOf(file: string): Part {
  const text = readFileSync(file, 'utf8');
  const head = /^(?:#.*\n)+/.exec(text)?.[0] ?? '';
  return {
    name: path.basename(file),
    text,
    offers: listAfter(head, 'Offers'),
    asks: listAfter(head, 'Asks of the process'),
    general: head.includes('any supervised process'),
    common: path.basename(path.dirname(file)) === 'supervisor',
  };
}

function definedIn(text: string): string[] {
  return [...text.matchAll(/^(\w+)\(\) \{$/gm)].map(([, name = '']) => name);
}

function textOf(parts: readonly Part[]): string {
  return parts.map(({ text }) => text).join('\n');
}

function partsOf(image: SupervisedImage): {
  readonly supervisor: Part;
  readonly all: readonly Part[];
  readonly parts: readonly Part[];
} {
  const [supervisor, ...all] = supervisorFiles(image).map(partOf) as [Part, ...Part[]];
  return { supervisor, all, parts: all.filter(({ name }) => name.endsWith('.sh')) };
}

const KEEPALIVED = partsOf('keepalived');
const general = KEEPALIVED.parts.filter((part) => part.general);
/** Parts for any process that a supervisor does without. */
const NOT_NEEDED: Readonly<Record<SupervisedImage, readonly string[]>> = {
  keepalived: [],
  proxy: ['drain.sh'],
  // BIRD checks a configuration itself, and no sidecar talks to its supervisor.
  bird: ['candidate.sh', 'check.sh', 'drain.sh', 'events.sh', 'exchange.sh', 'lock.sh', 'status.sh'],
};

/** A special built-in of dash (":", and also "true") that writes to a file: the shell ends when it cannot. */
const ENDS_THE_SHELL = /^\s*(?:.*(?:&&|\|\||;|\bif|!) )?(?::|true) [^#\n]*>/m;

describe.each(SUPERVISED_IMAGES)('the supervisor of the image %s', (image) => {
  const { supervisor, all, parts } = partsOf(image);
  const isNeeded = ({ name }: Part) => !NOT_NEEDED[image].includes(name);

  it('reads every part that there is, once, each before the next', () => {
    const needed = [...`${supervisor.text}\n${textOf(parts)}`.matchAll(/^need "\$(?:COMMON|PARTS)\/(\S+)"/gm)].map(
      ([, name]) => name,
    );
    expect(needed.toSorted()).toEqual(
      all
        .filter(isNeeded)
        .map(({ name }) => name)
        .toSorted(),
    );
    const sourced = [...supervisor.text.matchAll(/^need "(\$(?:COMMON|PARTS)\/\S+)" && \. "(\S+)"$/gm)];
    const placed = parts.filter(isNeeded).map(({ name, common }) => `${common ? '$COMMON' : '$PARTS'}/${name}`);
    expect(sourced.map(([, name]) => name).toSorted()).toEqual(placed.toSorted());
    expect(sourced.filter(([, asked, read]) => asked !== read)).toEqual([]);
  });

  it('has no function twice', () => {
    const names = [supervisor, ...parts].flatMap(({ text }) => definedIn(text));
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
  });

  it('writes no file by a command whose failure would end the shell, and what it runs with it', () => {
    const writers = [supervisor, ...parts].filter(({ text }) => ENDS_THE_SHELL.test(text));
    expect(writers.map(({ name }) => name)).toEqual([]);
  });

  it('has what the parts for any process ask of it', () => {
    const asked = parts.filter((part) => part.general && isNeeded(part)).flatMap(({ asks }) => asks);
    expect(definedIn(supervisor.text)).toEqual(expect.arrayContaining(asked));
  });

  describe.each(parts)('its part $name', ({ name, text, offers }) => {
    it('has what its head offers', () => {
      expect(offers.length).toBeGreaterThan(0);
      expect(offers.filter((each) => !definedIn(text).includes(each))).toEqual([]);
    });

    it('is used by others only as its head says', () => {
      const others = [supervisor, ...parts].filter((each) => each.name !== name);
      const called = new Set(others.flatMap((each) => commandsOf(each.text)));
      expect(definedIn(text).filter((each) => called.has(each) && !offers.includes(each))).toEqual([]);
    });
  });
});

describe('the parts for any supervised process', () => {
  it('call programs, each other, and what they ask of the process, and nothing that is keepalived’s', () => {
    const asked = general.flatMap(({ asks }) => asks);
    const missing = commandsOf(textOf(general)).filter((name) => !imageCommands().includes(name));
    expect(missing).toEqual(asked.toSorted());
  });

  it('are in the folder for them, and there is nothing else in it', () => {
    const parts = SUPERVISED_IMAGES.flatMap((image) => partsOf(image).parts);
    expect(parts.filter((part) => part.general !== part.common).map(({ name }) => name)).toEqual([]);
  });

  it('do not name it', () => {
    const code = general.map(({ name, text }) => [name, text.replaceAll(/(^|\s)#.*/g, '')] as const);
    expect(code.filter(([, text]) => /keepalived|vrrp|haproxy/i.test(text)).map(([name]) => name)).toEqual([]);
  });
});
