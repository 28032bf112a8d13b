# The service and its CLI. Node runs the TypeScript sources as they are; only the dashboard is built.
FROM node:26-slim AS manifests
WORKDIR /app
COPY package.json package-lock.json ./
COPY src/client/package.json ./src/client/
COPY src/dashboard/package.json ./src/dashboard/

FROM manifests AS sources
RUN npm ci --ignore-scripts
COPY tsconfig.json ./
COPY gen ./gen
COPY src ./src
# Of the dashboard the service needs what is built, no more.
RUN node src/dashboard/build.ts \
  && mv src/dashboard/dist /dist && rm -rf src/dashboard \
  && mkdir src/dashboard && mv /dist src/dashboard/dist

FROM manifests AS dependencies
# What is optional is optional for users of @annals/client, none of it for the service.
RUN npm ci --omit=dev --omit=optional --ignore-scripts && npm cache clean --force

FROM node:26-slim
ENV NODE_ENV=production HOST=0.0.0.0 PORT=8080
WORKDIR /app
COPY --from=dependencies /app/node_modules ./node_modules
COPY package.json LICENSE ./
COPY migrations ./migrations
COPY gen ./gen
COPY --from=sources /app/src ./src
# The demo's events are an example's.
COPY examples ./examples
# All that is written: the database is elsewhere, and logs go to standard output. A volume that is
# mounted here for CHECKPOINT_STORE belongs to the user that writes it.
RUN install --directory --owner=node --group=node --mode=0700 /var/lib/annals/checkpoints
USER node
EXPOSE 8080
# Alive, not ready: a server that waits for its database must not be restarted for it.
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
  CMD ["node", "--eval", "fetch(`http://127.0.0.1:${process.env.PORT}/healthz`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
# No shell in between, so that SIGTERM reaches the server.
ENTRYPOINT ["node", "src/cli/main.ts"]
CMD ["serve"]
