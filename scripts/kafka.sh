#!/usr/bin/env bash
# One real Apache Kafka broker on loopback, for the suites that must not trust
# the embedded one. It needs Java 17 and Maven, and nothing else.
#
#   scripts/kafka.sh start   fetch the broker once, start it, wait until it answers
#   scripts/kafka.sh stop    end it and forget its data
#
# What tests read, all in .cache/kafka, one fact a file, written only once the
# broker answers:
#   address           PLAINTEXT           127.0.0.1:19092, or ten higher and so on where that is taken
#   sasl_address      SASL_PLAINTEXT      127.0.0.1:19093
#   ssl_address       SSL                 localhost:19094
#   sasl_ssl_address  SASL_SSL            localhost:19095
#   ca.pem            who signed the certificate of the last two
# PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512 know one user: alice, alice-secret.
# A kcat with librdkafka before 2.6.1 is refused by SCRAM whatever the password:
# it sends a wrong nonce, which brokers check since CVE-2024-56128.
set -euo pipefail
cd "$(dirname "$0")/.."

dir=$PWD/.cache/kafka
port=${KAFKA_PORT:-19092} # and the three above it, and the controller on the fourth; moved by free
version=${KAFKA_VERSION:-$(sed -n 's|.*<kafka.version>\(.*\)</kafka.version>.*|\1|p' tools/kafka/pom.xml)}
libs=$dir/libs-$version
facts=(address sasl_address ssl_address sasl_ssl_address)

say() { echo "kafka: $*" >&2; }
die() { say "$*"; exit 1; }

# The pid may be another process's by now, so its command line must name our
# configuration.
running() {
	[[ -s $dir/pid ]] && tr '\0' ' ' 2>/dev/null <"/proc/$(<"$dir/pid")/cmdline" | grep -qF "$dir/server.properties"
}

open() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# Another checkout's broker may have the ports.
free() {
	local first=$port
	while open "$port" || open $((port + 1)) || open $((port + 2)) || open $((port + 3)) || open $((port + 4)); do
		port=$((port + 10))
		((port < first + 100)) || die "no five free ports from $first on: make kafka KAFKA_PORT=39092"
	done
}

# A broker has started when the log says so and the port is open; a port alone
# could be a stranger's.
answers() {
	grep -q 'Kafka Server started' "$dir/log" 2>/dev/null && open "$port"
}

fetch() {
	[[ -e $libs/.complete ]] && return
	say "fetching Apache Kafka $version with Maven (about 100 MB, once)"
	rm -rf "$libs"
	mvn -q -B -Dstyle.color=never -f tools/kafka/pom.xml "-Dkafka.version=$version" \
		dependency:copy-dependencies -DincludeScope=runtime "-DoutputDirectory=$libs" >&2
	touch "$libs/.complete"
}

certify() {
	rm -f "$dir/keystore.p12" "$dir/ca.pem"
	keytool -genkeypair -alias kafka -keyalg EC -groupname secp256r1 -validity 3650 \
		-dname CN=localhost -ext san=dns:localhost,ip:127.0.0.1 -ext bc:c \
		-storetype PKCS12 -storepass testing -keystore "$dir/keystore.p12" 2>/dev/null
	keytool -exportcert -rfc -alias kafka -storepass testing -keystore "$dir/keystore.p12" \
		>"$dir/ca.pem" 2>/dev/null
}

configure() {
	cat >"$dir/server.properties" <<-EOF
		process.roles=broker,controller
		node.id=1
		controller.quorum.voters=1@127.0.0.1:$((port + 4))
		controller.listener.names=CONTROLLER
		listeners=PLAINTEXT://127.0.0.1:$port,SASL_PLAINTEXT://127.0.0.1:$((port + 1)),SSL://127.0.0.1:$((port + 2)),SASL_SSL://127.0.0.1:$((port + 3)),CONTROLLER://127.0.0.1:$((port + 4))
		advertised.listeners=PLAINTEXT://127.0.0.1:$port,SASL_PLAINTEXT://127.0.0.1:$((port + 1)),SSL://localhost:$((port + 2)),SASL_SSL://localhost:$((port + 3))
		listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,SSL:SSL,SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT
		inter.broker.listener.name=PLAINTEXT
		log.dirs=$dir/data

		sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
		ssl.keystore.type=PKCS12
		ssl.keystore.location=$dir/keystore.p12
		ssl.keystore.password=testing

		# One broker keeps one copy of everything.
		offsets.topic.replication.factor=1
		offsets.topic.num.partitions=1
		transaction.state.log.replication.factor=1
		transaction.state.log.min.isr=1
		transaction.state.log.num.partitions=1
		share.coordinator.state.topic.replication.factor=1
		share.coordinator.state.topic.min.isr=1
		min.insync.replicas=1

		# Unlike production: a first member does not wait 3 s for others, and a
		# test may ask for short sessions. Topics are made by whoever needs them,
		# never by a reader's typing error.
		group.initial.rebalance.delay.ms=0
		group.min.session.timeout.ms=500
		auto.create.topics.enable=false
	EOF
	local name
	for name in sasl_plaintext sasl_ssl; do
		cat >>"$dir/server.properties" <<-EOF
			listener.name.$name.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_alice="alice-secret";
			listener.name.$name.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
			listener.name.$name.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
		EOF
	done
}

start() {
	if running && [[ -s $dir/address ]] && grep -qaF "$libs" "/proc/$(<"$dir/pid")/cmdline"; then
		say "already running on $(<"$dir/address")"
		return
	fi
	stop
	local tool
	for tool in java keytool mvn; do # of several names, command -v is content with one
		command -v "$tool" >/dev/null || die "$tool is missing: a real broker needs Java 17 and Maven (default-jdk-headless and maven)"
	done
	mkdir -p "$dir"
	free
	fetch
	certify
	configure
	local kafka=(java -Xmx512m -Xms128m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp "$libs/*")
	"${kafka[@]}" kafka.tools.StorageTool format --ignore-formatted \
		--config "$dir/server.properties" --cluster-id pushbridge-testing-000 \
		--add-scram 'SCRAM-SHA-256=[name=alice,password=alice-secret]' \
		--add-scram 'SCRAM-SHA-512=[name=alice,password=alice-secret]' \
		>"$dir/log" 2>&1 || { tail -20 "$dir/log" >&2; die "formatting the storage failed"; }
	nohup setsid "${kafka[@]}" kafka.Kafka "$dir/server.properties" >>"$dir/log" 2>&1 </dev/null &
	echo $! >"$dir/pid"

	local deadline=$((SECONDS + 180))
	until answers; do
		running || { tail -30 "$dir/log" >&2; die "the broker ended while starting, see .cache/kafka/log"; }
		((SECONDS < deadline)) || { tail -30 "$dir/log" >&2; stop; die "no answer within 180 s, see .cache/kafka/log"; }
		sleep 0.3
	done
	echo "127.0.0.1:$((port + 1))" >"$dir/sasl_address"
	echo "localhost:$((port + 2))" >"$dir/ssl_address"
	echo "localhost:$((port + 3))" >"$dir/sasl_ssl_address"
	echo "127.0.0.1:$port" >"$dir/address"
	say "Apache Kafka $version on 127.0.0.1:$port (SASL $((port + 1)), TLS $((port + 2)), both $((port + 3)))"
}

stop() {
	rm -f "${facts[@]/#/$dir/}"
	if running; then
		local pid
		pid=$(<"$dir/pid")
		kill "$pid"
		for _ in {1..50}; do
			running || break
			sleep 0.2
		done
		running && kill -9 "$pid"
		say "stopped"
	fi
	rm -rf "$dir/pid" "$dir/data"
}

case ${1:-} in
start) start ;;
stop) stop ;;
*) die "usage: scripts/kafka.sh start|stop" ;;
esac
