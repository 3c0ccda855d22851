/** What a machine is prepared for. */
export const SYSTEM_PARTS = ['lab', 'tests', 'tools', 'trees', 'images'] as const;
export type SystemPart = (typeof SYSTEM_PARTS)[number];

/** Something of the operating system, and the Debian/Ubuntu package that brings it. */
export interface Requirement {
  readonly package: string;
  readonly parts: readonly SystemPart[];
  /** Present when this command is found, … */
  readonly command?: string;
  /** … or one of these files exists, … */
  readonly files?: readonly string[];
  /** … or this Python can be run. */
  readonly python?: string;
  /** Not every release of Debian and Ubuntu has it: without it the tests that need it are skipped. */
  readonly optional?: boolean;
}

const LAB: readonly SystemPart[] = ['lab', 'tests'];
/** Debian trees are the lab's image root, and base images where no registry gives them. */
const TREES: readonly SystemPart[] = [...LAB, 'trees', 'images'];

/** What the lab, the tests and the tools take from the operating system. Go and Node are the user's own choice and not among it. */
export const REQUIREMENTS: readonly Requirement[] = [
  { package: 'iproute2', command: 'ip', parts: LAB },
  { package: 'util-linux', command: 'unshare', parts: LAB },
  { package: 'mount', command: 'mount', parts: LAB },
  { package: 'nginx-light', command: 'nginx', parts: LAB },
  { package: 'mmdebstrap', command: 'mmdebstrap', parts: TREES },
  {
    package: 'debian-archive-keyring',
    files: ['/usr/share/keyrings/debian-archive-keyring.gpg', '/usr/share/keyrings/debian-archive-keyring.pgp'],
    parts: TREES,
  },
  { package: 'openssl', command: 'openssl', parts: LAB },
  { package: 'curl', command: 'curl', parts: LAB },
  { package: 'tcpdump', command: 'tcpdump', parts: ['tests'] },
  { package: 'nftables', command: 'nft', parts: ['tests'] },
  { package: 'haproxy', command: 'haproxy', parts: ['tests'] },
  // The controller's page is tried in a browser; this one comes without a desktop.
  { package: 'chromium-headless-shell', command: 'chromium-headless-shell', parts: ['tests'], optional: true },
  // What the keepalived image has of the project's own in C.
  { package: 'gcc', command: 'gcc', parts: LAB },
  { package: 'libc6-dev', files: ['/usr/include/stdio.h'], parts: LAB },
  { package: 'git', command: 'git', parts: ['tools'] },
  // The engine that needs no service; where another works, images are built with that.
  { package: 'buildah', command: 'buildah', parts: ['images'] },
  { package: 'python3-venv', python: 'import ensurepip, venv', parts: ['tools'] },
];
