"""Follows a channel with the client of others, unchanged, and says what it gets: one object of JSON a line.

python follow.py URL TOKEN CHANNEL
"""

import asyncio
import json
import sys

from centrifuge import Client, ClientEventHandler, SubscriptionEventHandler


def say(what):
    print(json.dumps(what), flush=True)


class Connection(ClientEventHandler):
    client = None

    async def on_connecting(self, ctx):
        say({"connecting": ctx.code})

    async def on_disconnected(self, ctx):
        say({"disconnected": ctx.code})
        # Far above the longest delay: whoever was told to stay away is still away.
        asyncio.get_running_loop().call_later(2, lambda: say({"later": self.client.state.value}))


class Events(SubscriptionEventHandler):
    async def on_subscribed(self, ctx):
        say({"subscribed": True, "wasRecovering": ctx.was_recovering, "recovered": ctx.recovered})

    async def on_publication(self, ctx):
        say({"offset": ctx.pub.offset, "data": ctx.pub.data})

    async def on_error(self, ctx):
        say({"error": str(ctx.error)})


async def main():
    url, token, channel = sys.argv[1:4]
    connection = Connection()
    client = Client(url, connection, token=token, min_reconnect_delay=0.05, max_reconnect_delay=0.5)
    connection.client = client
    subscription = client.new_subscription(
        channel, events=Events(), min_resubscribe_delay=0.05, max_resubscribe_delay=0.5
    )
    await client.connect()
    await subscription.subscribe()
    # Whoever has started it is gone, or has had enough.
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


asyncio.run(main())
