/** The work in which two checkouts are compared: the same as in the sections of the same name, cut into slices. */
import type { Plan } from '../section.ts';
import { openAlone } from './alone-probe.ts';
import { openArrivals, openIdle } from './arrival-probe.ts';
import type { Contest } from './contest.ts';
import { FanOutProbe, type FanOutShape } from './fan-out-probe.ts';
import { openRoundTrips } from './round-trip-probe.ts';
import { openRooms, openRoomsOnRedis } from './rooms-probe.ts';
import { openStall } from './stall-probe.ts';
import { openStorm } from './storm-probe.ts';

const ARRIVALS = 1_500;
const IDLE = 8_000;
const STORM = 2_000;
const SMALL = 200;
const PAYLOAD = 128;

export const CONTESTS: readonly Contest[] = [
  fanOut('w1', 'W1: 1 topic × 1,000, 64 in flight, JSON', one('signalbox-json', 64)),
  fanOut('w1', 'W1, MessagePack', one('signalbox-msgpack', 64)),
  fanOut('w1', 'W1, JSON, batching', one('signalbox-json+batch', 64)),
  fanOut('w1u', 'W1u: the same, 1 in flight, JSON', one('signalbox-json', 1)),
  fanOut('w2', 'W2: 500 topics × 10, 640 in flight', many(640)),
  fanOut('w2', 'W2, 6,400 in flight', many(6_400)),
  {
    id: 'w3',
    title: 'W3: connections come, subscribe and come back',
    figures: { 'first accept, µs': 'less', 'accept again, µs': 'less', 'subscribe, µs': 'less' },
    pairs: 4,
    warmUpSlices: 1,
    open: (checkout, plan) => openArrivals(checkout, plan.isQuick ? SMALL : ARRIVALS),
  },
  {
    id: 'w3',
    title: 'W3: idle subscribed connections',
    figures: { 'bytes of an idle connection': 'less' },
    pairs: 1,
    warmUpSlices: 0,
    open: (checkout, plan) => openIdle(checkout, plan.isQuick ? SMALL : IDLE),
  },
  {
    id: 'w4',
    title: 'W4: publish and acknowledgement',
    figures: { 'round trips per CPU-s': 'more' },
    pairs: 8,
    warmUpSlices: 2,
    open: openRoundTrips,
  },
  {
    id: 'w4',
    title: 'One publish and its acknowledgement, on an idle node',
    figures: { 'p50, µs': 'less' },
    pairs: 8,
    warmUpSlices: 2,
    open: openAlone,
  },
  {
    id: 'w5',
    title: 'W5: 10 of 110 readers stall',
    figures: {
      'CPU-s per million deliveries': 'less',
      'p50 while stalled, ms': 'less',
      'p99 while stalled, ms': 'less',
      'p99 while they catch up, ms': 'less',
    },
    pairs: 2,
    sittings: 3,
    // The first slice has V8 compile the way back, which is thrown away.
    warmUpSlices: 1,
    open: openStall,
  },
  {
    id: 'w6',
    title: 'W6: all drop and come back, 100 missed messages each',
    figures: { 'accept, µs': 'less', 'resume, µs': 'less', 'CPU-s per million replayed': 'less' },
    pairs: 3,
    warmUpSlices: 1,
    open: (checkout, plan) => openStorm(checkout, plan.isQuick ? SMALL : STORM),
  },
  roomsOf(2, 100),
  roomsOf(1, 200),
  roomsOf(10, 20),
  {
    ...roomsOf(2, 100),
    title: 'W7: 100 rooms of 2 on Redis, JSON',
    open: (checkout) => openRoomsOnRedis(checkout, { members: 2, rooms: 100, payloadBytes: PAYLOAD }),
  },
];

function roomsOf(members: number, rooms: number): Contest {
  return {
    id: 'w7',
    title: `W7: ${rooms} rooms of ${members}, JSON`,
    figures: { 'publications per CPU-s': 'more' },
    pairs: 8,
    warmUpSlices: 2,
    open: (checkout) => openRooms(checkout, { members, rooms, payloadBytes: PAYLOAD }),
  };
}

function one(wire: FanOutShape['wire'], inFlight: number): FanOutShape {
  return { wire, topics: 1, subscribersPerTopic: 1_000, inFlight };
}

function many(inFlight: number): FanOutShape {
  return { wire: 'signalbox-json', topics: 500, subscribersPerTopic: 10, inFlight };
}

function fanOut(id: string, title: string, shape: FanOutShape): Contest {
  return {
    id,
    title,
    figures: { 'deliveries per CPU-s': 'more' },
    pairs: 8,
    warmUpSlices: 2,
    open: (checkout, plan: Plan) => FanOutProbe.open(checkout, plan.isQuick ? quick(shape) : shape),
  };
}

function quick(shape: FanOutShape): FanOutShape {
  return shape.topics === 1
    ? { ...shape, subscribersPerTopic: 100 }
    : { ...shape, topics: 50, inFlight: shape.inFlight / 10 };
}
