/** What operators do: every change is tried first, and acknowledged by the nodes. */
import { expect, test } from 'vitest';
import { connect } from '../../harness/client.ts';
import { eventually } from '../../harness/deadline.ts';
import { heading, openSignedIn } from './desk.ts';
import { setStage, TOPIC } from './stage.ts';

export function changeScenarios(): void {
  test('read-only is tried, carried out, counted down, and ended; what was changed after it was tried is not carried out', async () => {
    const { server, token } = await setStage();
    const { mode } = server.running.node.parts;
    const { page } = await openSignedIn(server.url, { place: '/emergency' }, token);
    const form = page.getByRole('form', { name: 'Mode' });
    const section = page.getByRole('region', { name: 'Mode' });
    const carry = form.getByRole('button', { name: 'Carry it out' });
    expect(await carry.isDisabled()).toBe(true);
    await form.getByLabel('Reverts after (seconds)').fill('90');
    await form.getByRole('button', { name: 'Try' }).click();
    await section.getByText('Nothing was changed. It would touch 2 connections').waitFor();
    expect([mode.isReadOnly, await carry.isEnabled()]).toEqual([false, true]);
    await form.getByLabel('Reverts after (seconds)').fill('600');
    await section.getByText('Changed since it was tried').waitFor();
    expect(await carry.isDisabled()).toBe(true);
    await form.getByRole('button', { name: 'Try' }).click();
    await section.getByText('Nothing was changed').waitFor();
    await carry.click();
    await section.getByText(/^Carried out by 1 of 1 nodes, with 2 connections, until /).waitFor();
    await section.getByRole('row', { name: /test-node yes 2/ }).waitFor();
    expect(mode.isReadOnly).toBe(true);
    const left = page.getByRole('row', { name: /^mode test-node read_only 9 min/ });
    await left.waitFor();
    const before = await left.textContent();
    await eventually(async () => (await left.textContent()) !== before, 'the time that is left to go down');
    await form.getByLabel('Mode').selectOption('normal');
    await form.getByLabel('Reverts after (seconds)').fill('');
    await form.getByRole('button', { name: 'Try' }).click();
    await carry.click();
    await page.getByRole('row', { name: /^mode test-node running/ }).waitFor();
    expect(mode.isReadOnly).toBe(false);
    // What the server refuses is said beside its form.
    await page.getByRole('form', { name: 'Rate limits' }).getByRole('button', { name: 'Try' }).click();
    await page.getByRole('alert').filter({ hasText: 'expected at least one of connection_rps' }).waitFor();
  });

  test('a connection is found and closed; a dead letter is tried again', async () => {
    const { server, token, replayed } = await setStage();
    const carol = await connect(server.port, { user: 'carol' });
    const { page } = await openSignedIn(server.url, { place: '/connections' }, token);
    await page.getByLabel('User, id or address').fill('CAROL');
    await page.getByText('1 connections').waitFor();
    await page.getByRole('link', { name: /^test-node-/ }).click();
    await heading(page, /^Connection test-node/);
    await page.getByRole('button', { name: 'Try' }).click();
    await page.getByText('It would touch 1 connections').waitFor();
    await page.getByRole('button', { name: 'Carry it out' }).click();
    await page.getByText(/^Carried out by 1 of 1 nodes/).waitFor();
    expect((await carol.closed).code).toBe(4009);

    await page.getByRole('link', { name: 'Dead letters' }).click();
    await page.getByRole('button', { name: 'Try evt-2 again' }).click();
    await page.getByText(/^Nothing was changed/).waitFor();
    expect(replayed).toEqual([]);
    await page.getByRole('button', { name: 'Carry it out' }).click();
    await page.getByText(/^Carried out by 1 of 1 nodes/).waitFor();
    expect(replayed).toEqual([['evt-2']]);
  });

  test('a message is published, watched with its JSON, read in the history, and traced from there', async () => {
    const { server, token } = await setStage();
    const { page, complaints } = await openSignedIn(server.url, { place: `/topics/${TOPIC}` }, token);
    await page.getByRole('button', { name: 'Watch' }).click();
    await page.getByText('WebSocket connected').waitFor();
    await page.getByLabel('Payload, as JSON').fill('{"n": [1, {"deep": true}]');
    await page.getByRole('button', { name: 'Publish' }).click();
    await page.getByRole('alert').filter({ hasText: 'Expected JSON' }).waitFor();
    await page.getByLabel('Payload, as JSON').fill('{"n": [1, {"<b>deep</b>": true}]}');
    await page.getByRole('button', { name: 'Publish' }).click();
    const watched = page.getByRole('list', { name: 'Watch' });
    await watched.getByText('"<b>deep</b>": true').waitFor();
    await page.getByRole('button', { name: 'Read the history' }).click();
    await page.getByText('3 messages: the log begins here').waitFor();
    await watched.getByRole('link', { name: /^Trace / }).click();
    await heading(page, 'Message trace');
    await page.getByRole('row', { name: /alice written/ }).waitFor();
    await page.getByRole('button', { name: 'Why, bob?' }).click();
    await page.locator('.why', { hasText: /^bob got it/ }).waitFor();
    expect(complaints).toEqual([]);
  });

  test('with the admin token, which is no JWT, a topic asks for one, and may go without', async () => {
    const { server, token } = await setStage();
    const { page } = await openSignedIn(server.url, { place: `/topics/${TOPIC}` });
    await page.getByRole('button', { name: 'Read the history' }).click();
    await page
      .getByRole('dialog')
      .getByText('goes the way of clients')
      .or(page.getByText('go the way of clients'))
      .waitFor();
    await page.getByRole('button', { name: 'Do without' }).click();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await page.getByRole('alert').filter({ hasText: /./ }).first().waitFor();
    await page.getByRole('button', { name: 'Read the history' }).click();
    await page.getByLabel('Token', { exact: true }).fill(token);
    await page.getByRole('button', { name: 'Use this token' }).click();
    await page.getByText('2 messages: the log begins here').waitFor();
  });
}
