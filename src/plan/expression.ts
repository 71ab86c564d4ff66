/**
 * Formulas as text: what is printed is what is reckoned. Names, numbers, + − × ÷, parentheses, and min, max, ceil.
 * Something divided by nothing has no bound.
 */

export type Expression =
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'operation'; readonly sign: Sign; readonly left: Expression; readonly right: Expression }
  | { readonly kind: 'call'; readonly name: Call; readonly inputs: readonly Expression[] };

type Sign = '+' | '−' | '×' | '÷';
const CALLS = ['min', 'max', 'ceil'] as const;
type Call = (typeof CALLS)[number];

const TOKEN = /\s*(\d+(?:\.\d+)?|[a-z][a-z0-9_]*|[+−×÷(),])/y;

/** @throws SyntaxError where it cannot be read */
export function parseExpression(text: string): Expression {
  const tokens = tokensOf(text);
  let at = 0;
  const peek = (): string => tokens[at] ?? '';
  const fail = (what: string): never => {
    throw new SyntaxError(`expected ${what} in ${JSON.stringify(text)}, got ${JSON.stringify(peek())}`);
  };
  const take = (expected: string): void => {
    if (peek() !== expected) fail(expected);
    at += 1;
  };
  const binary = (signs: readonly string[], next: () => Expression): Expression => {
    let left = next();
    while (signs.includes(peek())) {
      const sign = peek() as Sign;
      at += 1;
      left = { kind: 'operation', sign, left, right: next() };
    }
    return left;
  };
  const sum = (): Expression => binary(['+', '−'], product);
  const product = (): Expression => binary(['×', '÷'], single);
  function single(): Expression {
    const token = peek();
    at += 1;
    if (/^\d/.test(token)) return { kind: 'number', value: Number(token) };
    if (token === '(') {
      const inner = sum();
      take(')');
      return inner;
    }
    if (!/^[a-z]/.test(token)) {
      at -= 1;
      return fail('a number, a name or (');
    }
    const call = CALLS.find((name) => name === token);
    if (call === undefined) return { kind: 'name', name: token };
    take('(');
    const inputs = [sum()];
    while (peek() === ',') {
      at += 1;
      inputs.push(sum());
    }
    take(')');
    return { kind: 'call', name: call, inputs };
  }
  const whole = sum();
  if (at < tokens.length) fail('the end');
  return whole;
}

function tokensOf(text: string): string[] {
  const tokens: string[] = [];
  const pattern = new RegExp(TOKEN);
  while (pattern.lastIndex < text.trimEnd().length) {
    const from = pattern.lastIndex;
    const found = pattern.exec(text);
    if (found === null) throw new SyntaxError(`expected a formula, got ${JSON.stringify(text.slice(from))}`);
    tokens.push(found[1] as string);
  }
  return tokens;
}

/** @param valueOf throws for a name that it does not know */
export function evaluate(expression: Expression, valueOf: (name: string) => number): number {
  switch (expression.kind) {
    case 'number':
      return expression.value;
    case 'name':
      return valueOf(expression.name);
    case 'operation':
      return operated(expression.sign, evaluate(expression.left, valueOf), evaluate(expression.right, valueOf));
    default: {
      const inputs = expression.inputs.map((input) => evaluate(input, valueOf));
      return expression.name === 'ceil' ? roundedUp(inputs[0] ?? 0) : Math[expression.name](...inputs);
    }
  }
}

/** A share of 3.0000000001 that only floating point has made is 3. */
function roundedUp(value: number): number {
  return Math.ceil(value - 1e-9);
}

function operated(sign: Sign, left: number, right: number): number {
  if (sign === '+') return left + right;
  if (sign === '−') return left - right;
  // Nothing of something without a bound is nothing: what is not used has no cost.
  if (sign === '×') return left === 0 || right === 0 ? 0 : left * right;
  return right === 0 ? Infinity : left / right;
}

/** The names in it, each once, in their order. */
export function namesIn(expression: Expression): string[] {
  switch (expression.kind) {
    case 'number':
      return [];
    case 'name':
      return [expression.name];
    case 'operation':
      return [...new Set([...namesIn(expression.left), ...namesIn(expression.right)])];
    default:
      return [...new Set(expression.inputs.flatMap(namesIn))];
  }
}
