/** The way into the console, and out of it. */
import { expect, test } from 'vitest';
import { ADMIN_TOKEN } from '../../harness/admin.ts';
import { heading, openConsole, openSignedIn, serverWithConsole, signIn } from './desk.ts';

export function signInScenarios(): void {
  test('the page asks for a token, says why one is refused, and shows the nodes with a good one', async () => {
    const server = await serverWithConsole();
    const { page, tab, complaints } = await openConsole(server.url, { fromSources: true });
    await page.getByLabel('Token', { exact: true }).fill('größer');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('alert').filter({ hasText: 'letters, digits and signs' }).waitFor();
    await page.getByLabel('Token', { exact: true }).fill('not-the-token');
    await page.keyboard.press('Enter');
    await page.getByRole('alert').filter({ hasText: '401' }).waitFor();
    await signIn(page);
    await heading(page, 'Nodes');
    await page.getByRole('row', { name: /test-node running/ }).waitFor();
    expect(page.url()).not.toContain(ADMIN_TOKEN);
    expect(await tab.ask('document.cookie')).toBe('');
    // The refused attempt is what the browser itself writes down.
    expect(complaints.filter((text) => !text.includes('401'))).toEqual([]);
  });

  test('the tab stays signed in when it is loaded again, and is not after Sign out', async () => {
    const server = await serverWithConsole();
    const { page } = await openSignedIn(server.url);
    await page.reload();
    await page.getByRole('row', { name: /test-node/ }).waitFor();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByLabel('Token', { exact: true }).waitFor();
  });
}
