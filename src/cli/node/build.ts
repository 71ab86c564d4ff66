/** What this process runs, as `/info` and the metrics say it. */
import { uwsVersion } from '../../transport/uws.ts';
import { version } from '../version.ts';

export const build = { version, node_version: process.version, uws_version: uwsVersion };
