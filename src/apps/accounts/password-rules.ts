/** Which passwords are taken: long ones that are not known to everybody (NIST SP 800-63B section 3.1.1.2). */

/** Beyond, it would be a way to keep the server busy. */
export const MAX_PASSWORD = 256;
const MIN_DIFFERENT = 5;
/** What is tried first everywhere, of those that are long enough. */
const COMMON = new Set([
  '1234567890',
  '12345678910',
  '0123456789',
  '0987654321',
  '1q2w3e4r5t',
  '1qaz2wsx3edc',
  'administrator',
  'baseball123',
  'changeme123',
  'charlie123',
  'football123',
  'iloveyou123',
  'letmein123',
  'password12',
  'password123',
  'password1234',
  'passw0rd123',
  'p@ssw0rd123',
  'princess123',
  'q1w2e3r4t5',
  'qwerty12345',
  'qwerty123456',
  'qwertyuiop',
  'qwertyuiop123',
  'sunshine123',
  'superman123',
  'welcome123',
  'welcome1234',
  'zaq12wsxcde3',
]);

/** What was expected, or `null`: it is good. */
export function passwordProblem(password: string, email: string, min: number): string | null {
  const text = password.normalize('NFKC');
  const { length } = Array.from(text);
  if (length < min || length > MAX_PASSWORD) return `expected ${min} to ${MAX_PASSWORD} characters, got ${length}`;
  const lower = text.toLowerCase();
  if (new Set(lower).size < MIN_DIFFERENT) return `expected at least ${MIN_DIFFERENT} different characters`;
  if (COMMON.has(lower)) return 'expected a password that is not one of the most common ones';
  const [name = ''] = email.split('@');
  const isNumbered = lower.startsWith(name) && /^\d*$/.test(lower.slice(name.length));
  const isOfName = lower.includes(email) || (name.length >= MIN_DIFFERENT && isNumbered);
  return isOfName ? 'expected a password that is not the e-mail address' : null;
}
