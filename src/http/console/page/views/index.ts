/** The views by their place, in the order of the navigation. */
import type { Desk, View } from '../desk.ts';
import { chartsView } from './charts.ts';
import { connectionView } from './connection.ts';
import { connectionsView } from './connections.ts';
import { deadLettersView } from './dead-letters.ts';
import { doctorView } from './doctor.ts';
import { emergencyView } from './emergency.ts';
import { nodesView } from './nodes.ts';
import { topicView } from './topic.ts';
import { topicsView } from './topics.ts';
import { traceView } from './trace.ts';

type Open = (desk: Desk) => View;

/** A list, or the one that the place is about. */
const listOr =
  (list: Open, one: Open): Open =>
  (desk) =>
    desk.place.about === '' ? list(desk) : one(desk);

export const VIEWS: Readonly<Record<string, { readonly title: string; readonly open: Open }>> = {
  nodes: { title: 'Nodes', open: nodesView },
  connections: { title: 'Connections', open: listOr(connectionsView, connectionView) },
  topics: { title: 'Topics', open: listOr(topicsView, topicView) },
  trace: { title: 'Message trace', open: traceView },
  emergency: { title: 'Emergency', open: emergencyView },
  charts: { title: 'Charts', open: chartsView },
  'dead-letters': { title: 'Dead letters', open: deadLettersView },
  doctor: { title: 'Doctor', open: doctorView },
};
