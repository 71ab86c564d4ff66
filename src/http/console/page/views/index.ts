/** The views by their place, in the order of the navigation. */
import type { Desk, View } from '../desk.ts';
import { nodesView } from './nodes.ts';

export const VIEWS: Readonly<Record<string, { readonly title: string; readonly open: (desk: Desk) => View }>> = {
  nodes: { title: 'Nodes', open: nodesView },
};
