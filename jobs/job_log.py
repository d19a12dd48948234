"""Where a job's output goes: a dated log with every line stamped, or straight through; neither ever fails the job."""

import _thread  # as in utils/files/in_time.py
import os
import time

PATIENCE_S = 30.0
MOST_WAITING = 1 << 20
CHUNK_BYTES = 1 << 17
JUDGED_BYTES = 1 << 16
OWN_RECORDS = (b"[START] ", b"[END] ")  # who reads a log takes these for ours: no line of a job begins so
LONGEST_RECORD = max(map(len, OWN_RECORDS))
_REHEARSED = os.environ.get("NIGHTDESK_NOW") or ""
_AHEAD_S = int(_REHEARSED) - time.time() if _REHEARSED.isdigit() else 0.0


def now_s():
    """UTC seconds since 1970; a rehearsed time (NIGHTDESK_NOW) goes on from the start of this process."""
    return time.time() + _AHEAD_S


class Tail:
    """The last bytes of a stream that may be endless."""

    def __init__(self, size):
        self.size, self.kept = size, bytearray()

    def add(self, chunk):
        """Append, forgetting what is too old; the copying is paid for once per `size` bytes."""
        self.kept += chunk[-self.size :]
        if len(self.kept) > 2 * self.size:
            del self.kept[: -self.size]

    def bytes(self):
        """At most `size` bytes: the newest."""
        return bytes(self.kept[-self.size :])


class Scribe:
    """Writes to an open file, in order, in a thread: nothing waits for a disk that stops answering while a job runs.

    A system call that hangs cannot be ended. What comes meanwhile is kept, up to a limit, and written when the disk is
    back; `lost_bytes` were not, `problem` is the reason.
    """

    def __init__(self, fd, problem=""):
        self.fd, self.lost_bytes, self.problem = fd, 0, problem
        self._waiting, self._bytes, self._began = [], 0, 0.0
        self._guard, self._idle = _thread.allocate_lock(), _thread.allocate_lock()
        self._at_work, self._given_up = False, False

    def put(self, data):
        """Write this, sooner or later; waits, for a while and once, only when much is waiting already."""
        if self.fd < 0 or (self._bytes > MOST_WAITING and (self._given_up or not self.is_done())):
            with self._guard:
                self.lost_bytes += len(data)
            return
        with self._guard:
            self._waiting.append(data)
            self._bytes += len(data)
            if self._at_work:
                return
            self._at_work, self._began = True, time.monotonic()
            self._idle.acquire()
        try:
            _thread.start_new_thread(self._write_all, ())
        except RuntimeError:  # this user may have no more threads
            self._write_all()

    def is_done(self):
        """Whether all is written, or counted as lost, after a while; False: the disk does not answer."""
        while self._at_work:
            since = self._began
            if self._idle.acquire(timeout=max(since + PATIENCE_S - time.monotonic(), 0.01)):
                self._idle.release()
                break
            if self._began == since:  # else a slow disk has taken one piece and is at the next
                self.problem, self._given_up = f"has not answered for {PATIENCE_S:.0f} s", True
                return False
        return True

    def unwritten(self):
        """How many bytes are not in the file."""
        with self._guard:
            return self.lost_bytes + self._bytes

    def _write_all(self):
        while True:
            with self._guard:
                if not self._waiting:
                    self._at_work = False
                    self._idle.release()
                    return
                data, self._began = b"".join(self._waiting), time.monotonic()
                self._waiting.clear()
            self._write(data)
            with self._guard:
                self._bytes, self._given_up = self._bytes - len(data), False

    def _write(self, data):
        done = 0
        try:
            while done < len(data):
                done += os.write(self.fd, data[done : done + CHUNK_BYTES] if done else data)
        except OSError as error:
            self.problem = error.strerror
        with self._guard:
            self.lost_bytes += len(data) - done


class Log(Scribe):
    """A dated log: every line stamped; a full disk costs lines, never the job."""

    def __init__(self, path, utc_offset_s):
        super().__init__(-1)
        self.offset_s, self.at_line_start = utc_offset_s, True
        self.tail, self.held, self.begun = Tail(JUDGED_BYTES), "", b""
        asked = os.environ.get("NIGHTDESK_ECHO")  # "output": what the job prints, and none of our own lines
        self.echo = os.isatty(1) or asked in ("1", "output")
        self.echo_own = self.echo and asked != "output"
        self._second, self._stamp = 0, b""
        try:
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK  # so that a pipe is not waited for
            os.makedirs(os.path.dirname(path), exist_ok=True)
            self.fd = os.open(path, flags, 0o644)
        except OSError as error:
            self.problem = error.strerror
            warn(f"no log: {path}: {error.strerror}; the job runs all the same")

    def output(self, chunk, _source=0):
        """Take what the job printed."""
        self.tail.add(chunk)
        self.tell_held()
        if self.echo:
            write_all(1, chunk)
        chunk, self.begun = self.begun + chunk, b""
        cut = chunk.rfind(b"\n") + 1
        short = len(chunk) - cut <= LONGEST_RECORD and (cut or self.at_line_start)
        if short and any(word.startswith(chunk[cut:]) for word in OWN_RECORDS):
            chunk, self.begun = chunk[:cut], chunk[cut:]  # too little of the line to see
        if chunk:
            self._stamped(chunk)

    def _stamped(self, chunk):
        """Write a piece of output, each line behind the stamp; what would pass for a record of ours is marked."""
        stamp = self.stamp()
        body = chunk.replace(b"\n", b"\n" + stamp)
        if self.at_line_start:
            body = stamp + body
        for word in OWN_RECORDS if b"[" in chunk else ():
            if word in chunk:
                body = body.replace(stamp + word, stamp + b"\\" + word)
        self.at_line_start = chunk.endswith(b"\n")
        self.put(body[: -len(stamp)] if self.at_line_start else body)

    def say(self, text):
        """Add a line of our own."""
        self.tell_held()
        if self.begun:
            begun, self.begun = self.begun, b""
            self._stamped(begun)
        line = text.encode("utf-8", "surrogateescape") + b"\n"
        if self.echo_own:
            write_all(1, line)
        self.put((b"" if self.at_line_start else b"\n") + self.stamp() + line)
        self.at_line_start = True

    def hold(self, text):
        """A line of our own that is written only if another follows before `drop`."""
        self.held = text

    def drop(self):
        """Forget the line that is held."""
        self.held = ""

    def tell_held(self):
        """Write it down, before what follows."""
        if self.held:
            text, self.held = self.held, ""
            self.say(text)

    def stamp(self):
        """The market's wall clock, computed once a second."""
        now = int(now_s())
        if now != self._second:
            self._second = now
            self._stamp = time.strftime("%Y-%m-%d %H:%M:%S ", time.gmtime(now + self.offset_s)).encode()
        return self._stamp


class PassThrough:
    """No log: output goes where it was going, and its end is kept for the judge."""

    problem = ""

    def __init__(self):
        self.tail = Tail(JUDGED_BYTES)

    def is_done(self):
        """Nothing is kept here."""
        return True

    def unwritten(self):
        """Nor lost."""
        return 0

    def output(self, chunk, source):
        """Hand on what the command printed on stdout (1) or stderr (2)."""
        self.tail.add(chunk)
        write_all(source, chunk)

    def say(self, text):
        """A line of our own goes to stderr."""
        warn(text)


def write_all(fd, data):
    """Write to a terminal or a pipe that may have gone away; the job matters more than its listener."""
    try:
        while data:
            data = data[os.write(fd, data) :]
    except OSError:
        pass


def warn(text):
    """One line on stderr: what cron mails."""
    write_all(2, f"supervise: {text}\n".encode("utf-8", "surrogateescape"))
