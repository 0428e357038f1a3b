"""A broker hangs up while aiokafka writes: what it is told, on its own loop and on uvloop."""

import asyncio
import struct

import uvloop
from aiokafka.conn import AIOKafkaConnection, create_conn
from aiokafka.errors import KafkaError
from aiokafka.protocol.admin import ApiVersionResponse_v0
from aiokafka.protocol.metadata import MetadataRequest

from streams.consumer_thread import new_client_loop

N_APIS = 60


async def read_request(reader: asyncio.StreamReader) -> bytes:
    (size,) = struct.unpack(">i", await reader.readexactly(4))
    return await reader.readexactly(size)


async def say_hello_and_hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    hello = await read_request(reader)
    versions = ApiVersionResponse_v0(0, [(api, 0, 9) for api in range(N_APIS)]).encode()
    correlation_id = hello[4:8]
    writer.write(struct.pack(">i", 4 + len(versions)) + correlation_id + versions)
    await read_request(reader)
    writer.transport.abort()


async def ask(connection: AIOKafkaConnection) -> BaseException | None:
    try:
        await connection.send(MetadataRequest([]))
    except (KafkaError, RuntimeError) as error:
        return error
    return None


async def ask_until_it_is_gone() -> list[BaseException | None]:
    """One request in each turn of the loop, as other tasks may send at any of them."""
    server = await asyncio.start_server(say_hello_and_hang_up, "127.0.0.1", 0)
    async with server:
        connection = await create_conn(*server.sockets[0].getsockname())
        asked = []
        while connection.connected():
            asked.append(asyncio.create_task(ask(connection)))
            await asyncio.sleep(0)
        return await asyncio.gather(*asked, ask(connection))


def heard_on(loop: asyncio.AbstractEventLoop) -> list[BaseException | None]:
    try:
        return loop.run_until_complete(ask_until_it_is_gone())
    finally:
        loop.close()


def test_aiokafka_hears_of_a_lost_connection_as_it_expects_to() -> None:
    heard = heard_on(new_client_loop())
    assert len(heard) > 1
    assert all(isinstance(error, KafkaError) for error in heard)


def test_on_uvloop_it_hears_what_ends_its_tasks() -> None:
    """Why its thread has a loop of its own; where this fails, it need not any more."""
    assert any(isinstance(error, RuntimeError) for error in heard_on(uvloop.new_event_loop()))
