/** One Chromium for all tests of a file, and tabs in it that end with their test. */
import { onTestFinished } from 'vitest';
import { chromium, type Browser, type BrowserContext, type CDPSession, type Page } from 'playwright-core';
import { within } from '../harness/deadline.ts';
import { toolPath } from '../harness/tools.ts';

/** What the driver turns off, because it makes tests of other things unsteady; here these are what is tested. */
const WANTED = [
  '--disable-back-forward-cache',
  '--disable-background-timer-throttling',
  '--disable-backgrounding-occluded-windows',
  '--disable-renderer-backgrounding',
];

/** They ask servers of the browser's maker for things; and parts of the address bar, of which each window would start a process. */
const UNWANTED = [
  'AimEnabled',
  'HttpsUpgrades',
  'MediaRouter',
  'NetworkTimeServiceQuerying',
  'OptimizationHints',
  'PreconnectToSearch',
  'PreloadTopChromeWebUI',
  'Translate',
  'WebUIOmniboxAimPopup',
  'WebUIOmniboxPopup',
];

let starting: Promise<Browser> | null = null;

function browser(): Promise<Browser> {
  starting ??= chromium.launch({
    executablePath: toolPath('chromium') ?? 'chromium',
    // Root has no sandbox of its own to begin with.
    args: ['--no-sandbox', `--disable-features=${UNWANTED.join(',')}`],
    ignoreDefaultArgs: WANTED,
  });
  return starting;
}

/** To be called after the tests of a file. */
export async function closeBrowser(): Promise<void> {
  const running = starting;
  starting = null;
  await (await running)?.close();
}

/** How a tab is spoken with. The driver's own `evaluate` compiles text, which would hide what the policy of a page forbids. */
export abstract class Tab {
  abstract send(method: string, parameters?: object): Promise<unknown>;

  /** The value of an expression in the page; waits for promises. */
  async ask<T>(expression: string, what = expression, ms?: number): Promise<T> {
    const asked = this.send('Runtime.evaluate', {
      expression,
      returnByValue: true,
      awaitPromise: true,
      allowUnsafeEvalBlockedByCSP: false,
    });
    const { result, exceptionDetails } = (await within(asked, what, ms)) as {
      readonly result: { readonly value: T };
      readonly exceptionDetails?: { readonly exception?: { readonly description?: string } };
    };
    if (exceptionDetails !== undefined)
      throw new Error(`${expression} threw ${exceptionDetails.exception?.description ?? 'something'}`);
    return result.value;
  }

  /** Waits in the page until an expression is true. */
  async until(condition: string, ms?: number): Promise<void> {
    const waiting = this.ask(`waitFor(() => ${condition})`, condition, ms);
    await waiting.catch(async (error: Error) => {
      const record = await this.ask<unknown>('globalThis.record').catch(String);
      throw new Error(`${error.message}; the page has ${JSON.stringify([record]).slice(0, 2_000)}`, {
        cause: error,
      });
    });
  }
}

export class FrontTab extends Tab {
  readonly page: Page;
  readonly context: BrowserContext;
  private readonly session: CDPSession;

  constructor(page: Page, session: CDPSession) {
    super();
    this.page = page;
    this.context = page.context();
    this.session = session;
  }

  send(method: string, parameters: object = {}): Promise<unknown> {
    return this.session.send(method as 'Runtime.evaluate', parameters as { expression: string });
  }
}

/** In a context of its own. @param prepare before the page is loaded */
export async function openTab(url: string, prepare: (tab: FrontTab) => Promise<unknown> = noop): Promise<FrontTab> {
  const running = await browser();
  const context = await running.newContext();
  onTestFinished(() => context.close());
  return openTabIn(context, url, prepare);
}

async function openTabIn(
  context: BrowserContext,
  url: string,
  prepare: (tab: FrontTab) => Promise<unknown> = noop,
): Promise<FrontTab> {
  const page = await context.newPage();
  const tab = new FrontTab(page, await context.newCDPSession(page));
  await prepare(tab);
  await page.goto(url);
  return tab;
}

async function noop(): Promise<void> {}

/** Everything that the policy stops, and that throws in a page. */
export function complaintsOf(page: Page): string[] {
  const complaints: string[] = [];
  page.on('pageerror', ({ message }) => complaints.push(message));
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  return complaints;
}

/** The driver keeps its pages in front for ever. This tab is opened behind its back, so that it can be hidden. */
export class HideableTab extends Tab {
  private readonly browser: CDPSession;
  private readonly session: string;
  private readonly target: string;
  private readonly answers = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  private lastId = 0;

  private constructor(session: CDPSession, target: string, id: string) {
    super();
    this.browser = session;
    this.target = target;
    this.session = id;
    session.on('Target.receivedMessageFromTarget', ({ message, sessionId }) => {
      if (sessionId === id) this.received(message);
    });
  }

  static async open(url: string): Promise<HideableTab> {
    const session = await (await browser()).newBrowserCDPSession();
    const { browserContextId } = await session.send('Target.createBrowserContext');
    const { targetId } = await session.send('Target.createTarget', { url: 'about:blank', browserContextId });
    const { sessionId } = await session.send('Target.attachToTarget', { targetId, flatten: false });
    onTestFinished(async () => {
      await session.send('Target.disposeBrowserContext', { browserContextId });
      await session.detach();
    });
    const tab = new HideableTab(session, targetId, sessionId);
    // Answered when the page has taken the place of the empty one.
    await tab.send('Page.navigate', { url });
    await tab.ask(`document.readyState === 'complete' || new Promise((resolve) => addEventListener('load', resolve))`);
    return tab;
  }

  async hide(): Promise<void> {
    const { targetInfos } = await this.browser.send('Target.getTargets');
    const context = targetInfos.find(({ targetId }) => targetId === this.target)?.browserContextId;
    await this.browser.send('Target.createTarget', {
      url: 'about:blank',
      ...(context !== undefined && { browserContextId: context }),
    });
    await this.until(`document.visibilityState === 'hidden'`);
  }

  async show(): Promise<void> {
    await this.browser.send('Target.activateTarget', { targetId: this.target });
  }

  send(method: string, parameters: object = {}): Promise<unknown> {
    this.lastId += 1;
    const id = this.lastId;
    const message = JSON.stringify({ id, method, params: parameters });
    return new Promise((resolve, reject) => {
      this.answers.set(id, { resolve, reject });
      this.browser.send('Target.sendMessageToTarget', { message, sessionId: this.session }).catch(reject);
    });
  }

  private received(message: string): void {
    const { id, result, error } = JSON.parse(message) as {
      readonly id?: number;
      readonly result?: unknown;
      readonly error?: { readonly message: string };
    };
    const answer = this.answers.get(id ?? 0);
    this.answers.delete(id ?? 0);
    if (error === undefined) answer?.resolve(result);
    else answer?.reject(new Error(error.message));
  }
}
