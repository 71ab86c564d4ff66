/** The OpenAPI description as a file, for tools that want one without a server. */
import { version } from '../../src/cli/version.ts';
import { openApiDocument } from '../../src/http/openapi/document.ts';
import { ENDPOINTS } from '../../src/http/openapi/endpoints.ts';

export function openApiFile(): string {
  return `${JSON.stringify(openApiDocument(ENDPOINTS, version), null, 2)}\n`;
}
