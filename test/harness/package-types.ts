/**
 * Prints what the tool that checks the types of packages finds in the archive on standard input, as JSON. In a process
 * of its own: with the conditions that vitest imports under, the tool is TypeScript, which Node does not take from there.
 */
import { buffer } from 'node:stream/consumers';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';

const tarball = await buffer(process.stdin);
process.stdout.write(JSON.stringify(await checkPackage(createPackageFromTarballData(new Uint8Array(tarball)))));
