# syntax=docker/dockerfile:1
# Debian and not Alpine: uWebSockets.js comes as a binary for glibc and does not load with musl. Trixie, because its newest
# release wants glibc 2.38 or later (bookworm has 2.36, and there the older one would be loaded).
FROM node:22.23.3-trixie-slim AS dependencies
WORKDIR /opt/signalbox
COPY package.json package-lock.json .npmrc ./
# Without development dependencies; the lock file is exact, and no install script runs (.npmrc).
RUN npm install --no-save --omit=dev --no-audit --no-fund \
  && node --print process.execPath > node_modules/.node-path

FROM node:22.23.3-trixie-slim
LABEL org.opencontainers.image.title="Signalbox" \
      org.opencontainers.image.description="Actor-model realtime connection server"
WORKDIR /opt/signalbox
ENV NODE_ENV=production
# Owned by root: the server cannot change itself. No lock file here, so the launcher has nothing to compare and to install.
COPY --from=dependencies /opt/signalbox/node_modules node_modules
COPY package.json signalbox ./
COPY config config
COPY src src
# The user `node` of the image, by number: Kubernetes can check that it is not root.
USER 1000:1000
EXPOSE 8081
# SIGTERM drains; allow 35 s (`docker stop --time 35`) before the engine kills.
STOPSIGNAL SIGTERM
# Asking starts a process of Node.js, about half a second of CPU: every 2 s until it serves, then twice a minute.
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --start-interval=2s --retries=3 CMD ["./signalbox", "health"]
ENTRYPOINT ["./signalbox"]
CMD ["serve"]
