/*
 * The floor: what the kernel alone costs. One thread, epoll, one send() per subscriber per read of the publisher. It
 * checks nothing, and answers the upgrade without the hash of the key (the generator does not ask for it), so it is no
 * WebSocket server; nothing that is one can be cheaper. Messages: S<topic>, P<topic> <payload>, E<payload> (echo).
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_FDS = 20000, MAX_TOPICS = 1024, READ_BYTES = 65536, NAME_BYTES = 64, EVENTS = 1024, TABLE = 4096 };

struct topic {
  char name[NAME_BYTES];
  int *subscribers, count, room;
  unsigned char *out;
  size_t length, capacity;
  int dirty;
};

struct client {
  int upgraded;
  unsigned char *rest;
  size_t rest_length;
};

static struct topic topics[MAX_TOPICS];
static int topic_count;
static short table[TABLE];
static int dirty[MAX_TOPICS], dirty_count;
static struct client clients[MAX_FDS];
static unsigned char echo[READ_BYTES * 2];
static size_t echo_length;

static void fail(const char *what) {
  perror(what);
  exit(1);
}

/* The generator reads all the time, so a full socket buffer is waited for instead of queued behind. */
static void write_all(int fd, const unsigned char *bytes, size_t length) {
  while (length > 0) {
    ssize_t sent = send(fd, bytes, length, MSG_NOSIGNAL);
    if (sent < 0 && errno != EINTR) return;
    if (sent > 0) bytes += sent, length -= (size_t)sent;
  }
}

static struct topic *find_topic(const char *name, size_t length) {
  uint32_t hash = 2166136261u;
  for (size_t i = 0; i < length; i++) hash = (hash ^ (unsigned char)name[i]) * 16777619u;
  for (uint32_t slot = hash % TABLE;; slot = (slot + 1) % TABLE) {
    if (table[slot] == 0) {
      if (topic_count == MAX_TOPICS || length >= NAME_BYTES) exit(2);
      table[slot] = (short)++topic_count;
      memcpy(topics[topic_count - 1].name, name, length);
    }
    struct topic *t = &topics[table[slot] - 1];
    if (strncmp(t->name, name, length) == 0 && t->name[length] == 0) return t;
  }
}

static size_t put_frame(unsigned char *out, const unsigned char *body, size_t length) {
  size_t head = 2;
  out[0] = 0x81;
  if (length < 126) out[1] = (unsigned char)length;
  else out[1] = 126, out[2] = (unsigned char)(length >> 8), out[3] = (unsigned char)length, head = 4;
  memcpy(out + head, body, length);
  return head + length;
}

static void subscribe(int fd, const char *name, size_t length) {
  struct topic *t = find_topic(name, length);
  if (t->count == t->room) {
    t->room = t->room ? t->room * 2 : 16;
    t->subscribers = realloc(t->subscribers, sizeof(int) * (size_t)t->room);
  }
  t->subscribers[t->count++] = fd;
  write_all(fd, (const unsigned char *)"\x81\x01s", 3);
}

static void publish(const unsigned char *body, size_t length) {
  const unsigned char *space = memchr(body, ' ', length);
  if (space == NULL) return;
  struct topic *t = find_topic((const char *)body, (size_t)(space - body));
  size_t size = length - (size_t)(space + 1 - body);
  if (t->length + size + 4 > t->capacity) {
    t->capacity = (t->length + size + 4) * 2;
    t->out = realloc(t->out, t->capacity);
  }
  t->length += put_frame(t->out + t->length, space + 1, size);
  if (!t->dirty) t->dirty = 1, dirty[dirty_count++] = (int)(t - topics);
}

static void flush(int fd) {
  if (echo_length > 0) write_all(fd, echo, echo_length), echo_length = 0;
  for (int d = 0; d < dirty_count; d++) {
    struct topic *t = &topics[dirty[d]];
    for (int i = 0; i < t->count; i++) write_all(t->subscribers[i], t->out, t->length);
    t->length = 0;
    t->dirty = 0;
  }
  dirty_count = 0;
}

static void message(int fd, unsigned char *body, size_t length) {
  if (length == 0) return;
  if (body[0] == 'S') subscribe(fd, (const char *)body + 1, length - 1);
  else if (body[0] == 'P') publish(body + 1, length - 1);
  else echo_length += put_frame(echo + echo_length, body, length);
}

/* Returns how many bytes of complete frames were handled. */
static size_t walk(int fd, unsigned char *bytes, size_t size) {
  size_t at = 0;
  while (size - at >= 6) {
    size_t length = bytes[at + 1] & 0x7f, head = 2;
    if (length == 126) head = 4, length = ((size_t)bytes[at + 2] << 8) | bytes[at + 3];
    if (size - at < head + 4 + length) break;
    unsigned char *mask = bytes + at + head, *body = mask + 4;
    for (size_t i = 0; i < length; i++) body[i] ^= mask[i & 3];
    if ((bytes[at] & 0x0f) <= 2) message(fd, body, length);
    at += head + 4 + length;
  }
  return at;
}

static int receive(int fd) {
  static unsigned char buffer[READ_BYTES * 2];
  struct client *c = &clients[fd];
  if (c->rest_length > 0) memcpy(buffer, c->rest, c->rest_length);
  ssize_t got = recv(fd, buffer + c->rest_length, READ_BYTES, MSG_DONTWAIT);
  if (got <= 0) return got < 0 && (errno == EAGAIN || errno == EINTR);
  size_t size = c->rest_length + (size_t)got, used = 0;
  if (!c->upgraded) {
    unsigned char *end = memmem(buffer, size, "\r\n\r\n", 4);
    if (end != NULL) {
      static const char answer[] =
          "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
      c->upgraded = 1;
      used = (size_t)(end + 4 - buffer);
      write_all(fd, (const unsigned char *)answer, sizeof answer - 1);
    }
  }
  if (c->upgraded) used += walk(fd, buffer + used, size - used);
  flush(fd);
  c->rest_length = size - used;
  if (c->rest_length > READ_BYTES) return 0;
  free(c->rest);
  c->rest = c->rest_length > 0 ? memcpy(malloc(c->rest_length), buffer + used, c->rest_length) : NULL;
  return 1;
}

static void leave(int fd) {
  for (int t = 0; t < topic_count; t++) {
    for (int i = 0; i < topics[t].count; i++) {
      if (topics[t].subscribers[i] != fd) continue;
      topics[t].subscribers[i--] = topics[t].subscribers[--topics[t].count];
    }
  }
  free(clients[fd].rest);
  memset(&clients[fd], 0, sizeof clients[fd]);
  close(fd);
}

int main(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  int on = 1, listener = socket(AF_INET, SOCK_STREAM, 0), poll = epoll_create1(0);
  if (bind(listener, (struct sockaddr *)&address, size) || listen(listener, 1024)) fail("listen");
  if (getsockname(listener, (struct sockaddr *)&address, &size)) fail("getsockname");
  printf("port %d\n", ntohs(address.sin_port));
  fflush(stdout);
  struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, events[EVENTS];
  if (epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event)) fail("epoll");
  for (;;) {
    int ready = epoll_wait(poll, events, EVENTS, -1);
    for (int i = 0; i < ready; i++) {
      int fd = events[i].data.fd;
      if (fd != listener) {
        if (!receive(fd)) leave(fd);
        continue;
      }
      int accepted = accept(listener, NULL, NULL);
      if (accepted < 0 || accepted >= MAX_FDS) continue;
      setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      event = (struct epoll_event){.events = EPOLLIN, .data.fd = accepted};
      if (epoll_ctl(poll, EPOLL_CTL_ADD, accepted, &event)) close(accepted);
    }
  }
}
