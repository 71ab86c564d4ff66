/** Uploads on a disk that is really full, and a node that is killed while it keeps a file. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { eventually } from '../harness/deadline.ts';
import { MediaServer, png } from '../harness/media.ts';
import { pgliteFolder } from '../harness/pglite-folder.ts';

const MIB = 1_048_576;
/** Above what a disk must have free to count as one with room, and not much more. */
const DISK_MIB = 80;

/** A disk of its own that is as small as that, or `null` where the test may not mount one. */
function smallDisk(): string | null {
  const folder = mkdtempSync(join(tmpdir(), 'signalbox-disk-'));
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_MIB}m`, 'tmpfs', folder]);
  if (mounted.status !== 0) {
    rmSync(folder, { recursive: true });
    process.stderr.write('skipped: a small disk cannot be mounted (as root on Linux it can)\n');
    return null;
  }
  onTestFinished(() => {
    execFileSync('umount', ['--lazy', folder]);
    rmSync(folder, { recursive: true });
  });
  return folder;
}

const filesIn = (folder: string): string[] =>
  existsSync(folder)
    ? readdirSync(folder, { recursive: true, withFileTypes: true, encoding: 'utf8' })
        .filter((entry) => entry.isFile())
        .map(({ name }) => name)
    : [];

test('a disk that is full: an upload is refused clearly and leaves nothing, health says so, and it goes on when there is room', async ({
  skip,
}) => {
  const disk = smallDisk();
  if (disk === null) {
    skip();
    return;
  }
  const media = await MediaServer.open({
    'database.folder': await pgliteFolder(),
    'apps.media.folder': join(disk, 'media'),
    'apps.media.max_image_bytes': String(12 * MIB),
  });
  onTestFinished(() => media.stop());
  const health = async (): Promise<string> => (await media.server.get('/health')).text();
  const announced = (await media.begin('ada')).json;
  expect(await health()).not.toContain('uploads are refused');

  // Something else takes the disk, but for a mebibyte.
  const { bavail, bsize } = statfsSync(disk);
  const ballast = join(disk, 'ballast');
  writeFileSync(ballast, Buffer.alloc(bavail * bsize - MIB));
  const image = png(8 * MIB);
  const refused = await media.put(announced.uploadUrl, image);
  expect([refused.status, refused.json.error.reason]).toEqual([503, 'storage_unavailable']);
  expect(refused.headers.get('retry-after')).toBe('5');
  expect(JSON.stringify(refused.json)).not.toContain(disk);
  expect(filesIn(join(disk, 'media'))).toEqual([]);
  // What the refused upload took is free again.
  expect(statfsSync(disk).bavail * bsize).toBeGreaterThan(MIB / 2);
  expect(await health()).toContain('uploads are refused: the disk is full');
  // A form is refused in the same way.
  const form = new FormData();
  form.set('conversation', 'c1');
  form.set('file', new File([image], 'cat.png', { type: 'image/png' }));
  const sent = await media.ask('/apps/media/files', { user: 'ada', body: form });
  expect([sent.status, sent.json.error.reason]).toEqual([503, 'storage_unavailable']);
  expect(filesIn(join(disk, 'media'))).toEqual([]);

  rmSync(ballast);
  // The same link, as a client repeats it.
  expect((await media.put(announced.uploadUrl, image)).status).toBe(200);
  const got = await media.ask(announced.publicUrl, { user: 'ada' });
  expect(got.bytes.equals(Buffer.from(image))).toBe(true);
  await eventually(
    async () => !(await health()).includes('uploads are refused'),
    'the storage to be looked at again',
    40_000,
  );
});
