"""A RabbitMQ cluster of three nodes on this machine, which shares nothing with any other broker here."""

import json
import os
import pathlib
import secrets
import signal
import subprocess

import amqp

from harness import free_port, wait_until

BINARIES = pathlib.Path("/usr/lib/rabbitmq/bin")
SIZE = 3


class Node:
    """One of them: started, killed as by a power failure, started again."""

    def __init__(self, cluster, number):
        self.cluster = cluster
        self.name = f"taskbridge{number}@localhost"
        self.port, self.dist_port = free_port(), free_port()
        self.home = cluster.home / f"node{number}"
        for directory in ("mnesia", "log", "schema", "generated"):
            (self.home / directory).mkdir(parents=True)
        (self.home / "enabled_plugins").write_text("[].\n", encoding="utf-8")
        (self.home / "rabbitmq.conf").write_text(
            f"listeners.tcp.1 = 127.0.0.1:{self.port}\nloopback_users = none\ndefault_user = taskbridge\n"
            f"default_pass = {cluster.secret}\ndisk_free_limit.absolute = 50MB\nvm_memory_high_watermark.absolute = 2GiB\n"
            "raft.wal_max_size_bytes = 16777216\nnet_ticktime = 60\n",
            encoding="utf-8")
        self.process = None

    def environment(self):
        home = self.home
        return {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "HOME": str(self.cluster.home),
            "ERL_EPMD_PORT": str(self.cluster.epmd_port), "ERL_EPMD_ADDRESS": "127.0.0.1", "ERL_MAX_PORTS": "8192",
            "ERL_CRASH_DUMP_SECONDS": "0", "RABBITMQ_NODENAME": self.name, "RABBITMQ_CONF_ENV_FILE": f"{home}/none",
            "RABBITMQ_CONFIG_FILE": f"{home}/rabbitmq.conf", "RABBITMQ_ADVANCED_CONFIG_FILE": f"{home}/none.config",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{home}/enabled_plugins", "RABBITMQ_MNESIA_BASE": f"{home}/mnesia",
            "RABBITMQ_LOG_BASE": f"{home}/log", "RABBITMQ_LOGS": f"{home}/log/rabbitmq.log",
            "RABBITMQ_SCHEMA_DIR": f"{home}/schema", "RABBITMQ_GENERATED_CONFIG_DIR": f"{home}/generated",
            "RABBITMQ_PID_FILE": f"{home}/node.pid", "RABBITMQ_DIST_PORT": str(self.dist_port),
            "RABBITMQ_ALLOW_INPUT": "1",
            "RABBITMQ_SERVER_ERL_ARGS": "+P 131072 +t 1048576 +stbt db +sbwt none +sbwtdcpu none +sbwtdio none +S 2:2",
            "RABBITMQ_SERVER_START_ARGS": "-noinput -start_epmd false -kernel inet_dist_use_interface {127,0,0,1}",
            "RABBITMQ_CTL_ERL_ARGS": "-start_epmd false",
        }

    def start(self):
        self.process = subprocess.Popen([BINARIES / "rabbitmq-server"], env=self.environment(), cwd="/",
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                        start_new_session=True)

    def ctl(self, *arguments, check=True):
        done = subprocess.run([BINARIES / "rabbitmqctl", "-q", "--formatter", "json", *arguments],
                              env=self.environment(), cwd="/", text=True, capture_output=True, timeout=120, check=False)
        assert not check or done.returncode == 0, f"{self.name}: {arguments}: {done.stdout}{done.stderr}"
        return done.stdout

    def is_up(self):
        try:
            amqp.Connection(host=f"127.0.0.1:{self.port}", userid="taskbridge", password=self.cluster.secret,
                            connect_timeout=5, read_timeout=5).connect()
        except (OSError, amqp.exceptions.AMQPError):
            return False
        return True

    def signal_all(self, number):
        """To the server and what it started."""
        os.killpg(self.process.pid, number)

    def kill(self):
        if self.process is None:
            return
        try:
            self.signal_all(signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait(20)
        self.process = None


class Cluster:
    """Three nodes that know each other; a queue of the bridge's has a member on each."""

    def __init__(self, home):
        self.home = pathlib.Path(home)
        self.home.mkdir(parents=True)
        self.secret = secrets.token_hex(12)
        self.epmd_port = free_port()
        cookie = self.home / ".erlang.cookie"
        cookie.write_text(secrets.token_hex(16), encoding="utf-8")
        cookie.chmod(0o400)
        self.epmd = subprocess.Popen(["epmd", "-relaxed_command_check"], cwd="/", stdin=subprocess.DEVNULL,
                                     env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "ERL_EPMD_PORT": str(self.epmd_port),
                                          "ERL_EPMD_ADDRESS": "127.0.0.1"})
        self.nodes = [Node(self, number) for number in range(1, SIZE + 1)]
        try:
            self.assemble()
        except BaseException:
            self.close()
            raise

    def assemble(self):
        for node in self.nodes:
            node.start()
        for node in self.nodes:
            wait_until(node.is_up, 180, f"{node.name} is up")
        first, *others = self.nodes
        for node in others:
            node.ctl("stop_app")
            node.ctl("join_cluster", first.name)
            node.ctl("start_app")
            wait_until(node.is_up, 120, f"{node.name} is up again")
        wait_until(lambda: len(self.running(first)) == SIZE, 60, "all nodes know each other")

    def running(self, node):
        return json.loads(node.ctl("cluster_status"))["running_nodes"]

    def url(self, *nodes):
        """Celery's list of brokers."""
        return ";".join(f"amqp://taskbridge:{self.secret}@127.0.0.1:{node.port}/%2F" for node in nodes or self.nodes)

    def close(self):
        for node in self.nodes:
            node.kill()
        self.epmd.terminate()
        self.epmd.wait(20)
