/** A token that ends: the page asks again, and everything is where it was. */
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { Admin } from '../../harness/admin.ts';
import { connect } from '../../harness/client.ts';
import { tokenOf } from '../../harness/tokens.ts';
import { heading, openSignedIn, serverWithConsole, signIn } from './desk.ts';

const operator = (jti: string): Promise<string> => tokenOf('olga', { roles: ['admin', 'user'], claims: { jti } });

const asked = (page: Page): Promise<void> =>
  page.getByRole('alert').filter({ hasText: 'does not take this token any more' }).waitFor();

export function tokenScenarios(): void {
  test('the view, its filter, and what was typed and tried are there when the operator has signed in again', async () => {
    const server = await serverWithConsole();
    const admin = new Admin(server.port);
    await connect(server.port, { user: 'alice' });
    const { page } = await openSignedIn(server.url, { place: '/connections' }, await operator('first'));
    await page.getByLabel('User, id or address').fill('ali');
    await page.getByText('1 connections').waitFor();
    await admin.post('/admin/tokens/revoke', { jti: 'first' });
    await asked(page);
    await page.getByText('1 connections').waitFor();
    await signIn(page, await operator('second'));
    await connect(server.port, { user: 'alina' });
    await page.getByText('2 connections').waitFor();
    expect(await page.getByLabel('User, id or address').inputValue()).toBe('ali');
    expect(page.url()).toMatch(/#\/connections\?search=ali$/);

    await page.getByRole('link', { name: 'Emergency' }).click();
    await heading(page, 'Emergency');
    const form = page.getByRole('form', { name: 'Rate limits' });
    await form.getByLabel('Per user').fill('77');
    await admin.post('/admin/tokens/revoke', { jti: 'second' });
    await form.getByRole('button', { name: 'Try' }).click();
    await asked(page);
    await signIn(page, await operator('third'));
    // The call that was refused goes on by itself.
    await page.getByText(/^Nothing was changed\. It would touch/).waitFor();
    expect(await form.getByLabel('Per user').inputValue()).toBe('77');
  });

  test('a topic that is watched goes on with the new token', async () => {
    const server = await serverWithConsole();
    const { page } = await openSignedIn(server.url, { place: '/topics/chat.lobby' }, await operator('first'));
    await page.getByRole('button', { name: 'Watch' }).click();
    await page.getByText('WebSocket connected').waitFor();
    const bob = await connect(server.port, { user: 'bob' });
    await bob.publish('chat.lobby', { n: 1 });
    await page.getByText('1 messages so far').waitFor();
    await new Admin(server.port).post('/admin/tokens/revoke', { jti: 'first' });
    await asked(page);
    await bob.publish('chat.lobby', { n: 2 });
    await signIn(page, await operator('second'));
    await page.getByText('2 messages so far').waitFor();
  });
}
