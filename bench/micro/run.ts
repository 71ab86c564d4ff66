/** Micro-benchmarks of the parts on the hot path: what one call costs when nothing else runs. `make bench-micro`. */
import { run } from 'mitata';
import './actor.ts';
import './codec.ts';
import './limits.ts';
import './router.ts';

await run({ colors: process.stdout.isTTY });
