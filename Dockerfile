FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY . .
# Without install scripts: the Postgres that `knockon up` brings is of no use in here.
RUN npm ci --ignore-scripts --no-audit --no-fund && npm run build && npm prune --omit=dev --ignore-scripts

FROM node:24-bookworm-slim
WORKDIR /app
ENV NODE_ENV=production
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/bin ./bin
COPY --from=build /app/drizzle ./drizzle
COPY --from=build /app/dist ./dist
USER node
# node itself is process 1, so that SIGTERM drains.
ENTRYPOINT ["node", "bin/knockon.js"]
