/**
 * The token of the operator: asked for in a dialog over the view, which stays as it is, kept for this tab alone, and sent in a
 * header. It is in no address, so it is in no history and in no log.
 */
import { h, setText } from './dom.ts';

const KEY = 'signalbox.console.token';
const EXPIRED = 'The server does not take this token any more. The view stays as it is.';
const COMES_FROM = 'It is admin.token of the configuration, or a JWT with the role admin and without a tenant.';

/** Says why a token is not good, or `null`. */
export type Check = (token: string) => Promise<string | null>;

export class Session {
  #token = sessionStorage.getItem(KEY);
  #asking: Promise<string> | null = null;
  readonly #check: Check;

  constructor(check: Check) {
    this.#check = check;
  }

  /** Whether the token may be shown to the WebSocket of clients. */
  get isJwt(): boolean {
    return this.#token?.split('.').length === 3;
  }

  token(): Promise<string> {
    return this.#token === null ? this.#ask('') : Promise.resolve(this.#token);
  }

  /** Another token than the one that was refused: the operator is asked, once for all who wait. */
  renew(refused: string): Promise<string> {
    if (this.#token !== null && this.#token !== refused) return Promise.resolve(this.#token);
    this.#forget();
    return this.#ask(EXPIRED);
  }

  signOut(): void {
    this.#forget();
    location.reload();
  }

  #forget(): void {
    this.#token = null;
    sessionStorage.removeItem(KEY);
  }

  #ask(why: string): Promise<string> {
    this.#asking ??= askForToken({ title: 'Sign in', why, hint: COMES_FROM, check: this.#check }).then((token) => {
      this.#token = token;
      this.#asking = null;
      sessionStorage.setItem(KEY, token);
      return token;
    });
    return this.#asking;
  }
}

interface TokenQuestion {
  readonly title: string;
  readonly why: string;
  readonly hint: string;
  readonly check: Check;
}

export function askForToken(question: TokenQuestion & { readonly canCancel: true }): Promise<string | null>;
export function askForToken(question: TokenQuestion): Promise<string>;
/** A dialog that ends with a token which the check has found good, or with `null` where people may do without. */
export function askForToken({
  title,
  why,
  hint,
  check,
  canCancel = false,
}: TokenQuestion & { readonly canCancel?: boolean }): Promise<string | null> {
  return new Promise((resolve) => {
    const problem = h('p', { role: 'alert', class: 'problem' }, why);
    const input = h('input', {
      type: 'password',
      id: 'token',
      autocomplete: 'off',
      required: true,
      spellcheck: 'false',
    });
    const submit = h('button', { type: 'submit', class: 'main' }, title);
    const taken = async (): Promise<void> => {
      submit.disabled = true;
      const token = input.value.trim();
      const fault = await check(token).catch((error: unknown) => `The server cannot be reached: ${String(error)}`);
      submit.disabled = false;
      if (fault !== null) {
        setText(problem, fault);
        input.focus();
        input.select();
        return;
      }
      end(token);
    };
    const end = (token: string | null): void => {
      dialog.remove();
      before?.focus();
      resolve(token);
    };
    const form = h(
      'form',
      {
        submit: (event) => {
          event.preventDefault();
          void taken();
        },
      },
      h('h2', { id: 'sign-in' }, title),
      problem,
      h('label', { for: 'token' }, 'Token'),
      input,
      h('p', { class: 'hint' }, hint),
      submit,
      canCancel ? h('button', { type: 'button', click: () => end(null) }, 'Do without') : null,
    );
    const cancelled = (event: Event): void => {
      event.preventDefault();
      if (canCancel) end(null);
    };
    const dialog = h('dialog', { 'aria-labelledby': 'sign-in', cancel: cancelled }, form);
    const before = document.activeElement instanceof HTMLElement ? document.activeElement : null;
    document.body.append(dialog);
    dialog.showModal();
    input.focus();
  });
}
