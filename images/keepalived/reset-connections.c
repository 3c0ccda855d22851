/*
 * Has clients of an address find out that their connections are gone: sends each an ACK out of nowhere, from the address. The client answers
 * with where it is (RFC 9293 section 3.10.7.4, RFC 5961 section 5), and this node's kernel, which has no such connection, resets it. To a
 * connection that is well an ACK like this does nothing.
 *
 * After each ACK goes a SYN with an ACK, which is answered alike (RFC 5961 section 4). The kernel may remember an earlier connection of the same
 * client port that it translated, from when this node had the address before. It would then take the ACK for a new connection that is in that one's
 * way, and send it from another port, where the client has nothing. A SYN with an ACK begins no connection to it: it leaves as it is.
 *
 *   reset-connections ask SOCKET CONFIGURATION
 *   reset-connections list SOCKET CONFIGURATION
 *
 * SOCKET         Unix socket to listen at. A request is lines and then the end of what is sent; one is answered after the other.
 *                ask: lines "ADDRESS PORT CLIENT PORT"; the answer is "sent=N refused=N".
 *                list: lines "ADDRESS"; the answer is lines "ADDRESS PORT CLIENT PORT", one for each established connection of a client to
 *                one of them that this node's kernel translates to another destination, and "end=N". No socket of this node shows these.
 *                Where a request is not answered, the answer is "error=REASON".
 * CONFIGURATION  keepalived's. ADDRESS must be one of its addresses, and to ask, on this node now.
 *
 * Whoever asks may be anybody's puppet: what is not as it should be is refused. "ask" keeps two raw sockets and no capability, "list" the
 * capability that reading the table of connections takes (CAP_NET_ADMIN), and no raw socket.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <linux/capability.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define LONGEST_LINE 128     /* two IPv6 addresses and two ports are 91 */
#define MOST_LINES 262144    /* of one request */
#define REQUEST_SECONDS 3    /* for one request */
#define MOST_ADDRESSES 16384 /* of a configuration */
#define MOST_LISTED 256      /* of one request: each connection is compared with all */

struct address {
	int family; /* 0: none */
	union {
		struct in_addr v4;
		struct in6_addr v6;
		unsigned char bytes[16];
	} at;
};

struct endpoint {
	struct address address;
	in_port_t port; /* in network order */
};

struct packet4 {
	struct iphdr ip;
	struct tcphdr tcp;
};

struct packet6 {
	struct ip6_hdr ip;
	struct tcphdr tcp;
};

static int raw4 = -1, raw6 = -1;
static struct address allowed[MOST_ADDRESSES];
static size_t allowed_count;

static void fail(const char *what)
{
	fprintf(stderr, "reset-connections: %s: %s\n", what, strerror(errno));
	exit(1);
}

static size_t length_of(int family)
{
	return family == AF_INET ? sizeof(struct in_addr) : sizeof(struct in6_addr);
}

static int same(const struct address *one, const struct address *other)
{
	return one->family == other->family && memcmp(one->at.bytes, other->at.bytes, length_of(one->family)) == 0;
}

static int read_address(const char *text, struct address *to)
{
	to->family = strchr(text, ':') ? AF_INET6 : AF_INET;
	return inet_pton(to->family, text, &to->at) == 1;
}

static int read_port(const char *text, in_port_t *to)
{
	char *end;
	unsigned long port;

	if (text[0] < '1' || text[0] > '9')
		return 0;
	port = strtoul(text, &end, 10);
	if (*end != '\0' || port > 65535)
		return 0;
	*to = htons((in_port_t)port);
	return 1;
}

/* The addresses that keepalived has, from the comments "#! address DEVICE ADDRESS/PREFIX [INSTANCE]" of its configuration. */
static void read_allowed(const char *file)
{
	FILE *configuration = fopen(file, "re");
	char line[4096], text[64];

	allowed_count = 0;
	if (!configuration)
		return;
	while (allowed_count < MOST_ADDRESSES && fgets(line, sizeof line, configuration))
		if (sscanf(line, "#! address %*15s %63[0-9A-Fa-f.:]/", text) == 1 && read_address(text, &allowed[allowed_count]))
			allowed_count++;
	fclose(configuration);
}

static int is_allowed(const struct address *address)
{
	for (size_t i = 0; i < allowed_count; i++)
		if (same(&allowed[i], address))
			return 1;
	return 0;
}

static int address_of(const struct sockaddr *at, struct address *to)
{
	if (!at || (at->sa_family != AF_INET && at->sa_family != AF_INET6))
		return 0;
	to->family = at->sa_family;
	if (to->family == AF_INET)
		to->at.v4 = ((const struct sockaddr_in *)at)->sin_addr;
	else
		to->at.v6 = ((const struct sockaddr_in6 *)at)->sin6_addr;
	return 1;
}

/* Whether the address is on this node. Not by a bind: with ip_nonlocal_bind set, every address can be bound to. */
static int is_here(const struct address *address)
{
	struct ifaddrs *all, *each;
	struct address found;
	int here = 0;

	if (getifaddrs(&all) < 0)
		return 0;
	for (each = all; each && !here; each = each->ifa_next)
		here = address_of(each->ifa_addr, &found) && same(&found, address);
	freeifaddrs(all);
	return here;
}

/* Whether it can be the address of one client elsewhere. */
static int is_client4(struct in_addr address)
{
	unsigned char first = (unsigned char)(ntohl(address.s_addr) >> 24);

	return first != 0 && first != 127 && first < 224;
}

static int is_client6(const struct in6_addr *address)
{
	return !IN6_IS_ADDR_UNSPECIFIED(address) && !IN6_IS_ADDR_LOOPBACK(address) && !IN6_IS_ADDR_MULTICAST(address) &&
	       !IN6_IS_ADDR_V4MAPPED(address) && !IN6_IS_ADDR_LINKLOCAL(address);
}

static int is_client(const struct address *address)
{
	return address->family == AF_INET ? is_client4(address->at.v4) : is_client6(&address->at.v6);
}

static unsigned long add_words(unsigned long sum, const void *data, size_t bytes)
{
	const unsigned char *at = data;

	for (size_t i = 0; i + 1 < bytes; i += 2)
		sum += (unsigned long)at[i] << 8 | at[i + 1];
	return sum;
}

/* RFC 9293 section 3.1: over the two addresses, protocol and length, and the segment, here one without data. */
static in_port_t checksum(const struct address *from, const struct address *to, const struct tcphdr *tcp)
{
	unsigned long sum = IPPROTO_TCP + sizeof *tcp;

	sum = add_words(sum, from->at.bytes, length_of(from->family));
	sum = add_words(sum, to->at.bytes, length_of(to->family));
	sum = add_words(sum, tcp, sizeof *tcp);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((in_port_t)~sum);
}

/* An ACK, also a SYN perhaps, of a place in the stream that the client knows nothing of, or it would not answer. */
static struct tcphdr segment(const struct endpoint *from, const struct endpoint *to, int syn)
{
	struct tcphdr tcp = {0};
	unsigned int numbers[2];

	if (getrandom(numbers, sizeof numbers, 0) != sizeof numbers)
		fail("getrandom");
	tcp.source = from->port;
	tcp.dest = to->port;
	tcp.seq = numbers[0];
	tcp.ack_seq = numbers[1];
	tcp.doff = sizeof tcp / 4;
	tcp.ack = 1;
	tcp.syn = syn ? 1 : 0;
	tcp.window = htons(8192);
	tcp.check = checksum(&from->address, &to->address, &tcp);
	return tcp;
}

static int send4(const struct endpoint *from, const struct endpoint *to, int syn)
{
	struct sockaddr_in where = {.sin_family = AF_INET, .sin_addr = to->address.at.v4};
	struct packet4 packet = {.tcp = segment(from, to, syn)};

	/* The kernel fills in the identification, the length and the checksum (raw(7)). */
	packet.ip.version = 4;
	packet.ip.ihl = sizeof packet.ip / 4;
	packet.ip.ttl = 64;
	packet.ip.protocol = IPPROTO_TCP;
	packet.ip.saddr = from->address.at.v4.s_addr;
	packet.ip.daddr = to->address.at.v4.s_addr;
	return sendto(raw4, &packet, sizeof packet, 0, (struct sockaddr *)&where, sizeof where) == sizeof packet;
}

static int send6(const struct endpoint *from, const struct endpoint *to, int syn)
{
	struct sockaddr_in6 where = {.sin6_family = AF_INET6, .sin6_addr = to->address.at.v6};
	struct packet6 packet = {.tcp = segment(from, to, syn)};

	packet.ip.ip6_flow = htonl(6U << 28);
	packet.ip.ip6_plen = htons(sizeof packet.tcp);
	packet.ip.ip6_nxt = IPPROTO_TCP;
	packet.ip.ip6_hlim = 64;
	packet.ip.ip6_src = from->address.at.v6;
	packet.ip.ip6_dst = to->address.at.v6;
	return sendto(raw6, &packet, sizeof packet, 0, (struct sockaddr *)&where, sizeof where) == sizeof packet;
}

static int send_segment(const struct endpoint *from, const struct endpoint *to, int syn)
{
	return from->address.family == AF_INET ? send4(from, to, syn) : send6(from, to, syn);
}

static int read_line(char *line, struct endpoint *from, struct endpoint *to)
{
	char *rest, *fields[5];

	for (int i = 0; i < 5; i++)
		fields[i] = strtok_r(i == 0 ? line : NULL, " ", &rest);
	return fields[0] && fields[1] && fields[2] && fields[3] && !fields[4] && read_address(fields[0], &from->address) &&
	       read_port(fields[1], &from->port) && read_address(fields[2], &to->address) && read_port(fields[3], &to->port);
}

/* Does what one line asks for; true when it was done. Lines with the same address come together: it is looked at once. */
static int do_line(char *line, struct address *checked)
{
	struct endpoint from, to;

	if (!read_line(line, &from, &to) || from.address.family != to.address.family || !is_client(&to.address))
		return 0;
	if (!same(&from.address, checked)) {
		if (!is_allowed(&from.address) || !is_here(&from.address))
			return 0;
		*checked = from.address;
	}
	return send_segment(&from, &to, 0) && send_segment(&from, &to, 1);
}

static long milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000L + now.tv_nsec / 1000000L;
}

/* Reads what is there, waiting for it no longer than until the limit; 0 at the end of the request, -1 when it does not come. */
static ssize_t read_some(int client, char *to, size_t size, long limit)
{
	struct pollfd ready = {.fd = client, .events = POLLIN};
	long left = limit - milliseconds();

	if (left <= 0 || poll(&ready, 1, (int)left) != 1)
		return -1;
	return read(client, to, size);
}

static void answer(int client, const char *text)
{
	if (write(client, text, strlen(text)) < 0)
		fprintf(stderr, "reset-connections: cannot answer: %s\n", strerror(errno));
}

/* What a request comes to. */
struct request {
	int client;
	unsigned long lines, sent, refused;
	struct address checked;
};

typedef void line_work(struct request *request, char *line);

/* Does the work for each line of a request; true when all of it came and was read. */
static int read_request(struct request *request, line_work *work)
{
	char input[65536], line[LONGEST_LINE + 1];
	long limit = milliseconds() + REQUEST_SECONDS * 1000L;
	size_t length = 0;
	ssize_t got;

	while ((got = read_some(request->client, input, sizeof input, limit)) > 0) {
		for (ssize_t i = 0; i < got; i++) {
			if (input[i] != '\n' && length == LONGEST_LINE) {
				answer(request->client, "error=a line is too long\n");
				return 0;
			}
			if (input[i] != '\n') {
				line[length++] = input[i];
				continue;
			}
			/* A line with a NUL in it ends there, and lacks fields. */
			line[length] = '\0';
			length = 0;
			if (++request->lines > MOST_LINES) {
				answer(request->client, "error=there are too many lines\n");
				return 0;
			}
			work(request, line);
		}
	}
	return got == 0;
}

static void ask_client(struct request *request, char *line)
{
	if (do_line(line, &request->checked))
		request->sent++;
	else
		request->refused++;
}

static void serve_ask(int client)
{
	struct request request = {.client = client};
	char said[64];

	if (!read_request(&request, ask_client))
		return;
	snprintf(said, sizeof said, "sent=%lu refused=%lu\n", request.sent, request.refused);
	answer(client, said);
}

/* --- the table of connections ---------------------------------------------------------------------------------------------------- */

static int table = -1; /* netlink */
static struct address listed[MOST_LISTED];
static size_t listed_count;

static void want_address(struct request *request, char *line)
{
	if (listed_count < MOST_LISTED && read_address(line, &listed[listed_count]) && is_allowed(&listed[listed_count]))
		listed_count++;
	else
		request->refused++;
}

static int is_listed(const struct address *address)
{
	for (size_t i = 0; i < listed_count; i++)
		if (same(&listed[i], address))
			return 1;
	return 0;
}

/* The attribute of this type among some; none when there is none that is whole and has as many bytes. */
static const void *attribute(const void *from, size_t bytes, int type, size_t least, size_t *found)
{
	const char *at = from;

	while (bytes >= NLA_HDRLEN) {
		const struct nlattr *each = (const struct nlattr *)at;
		size_t whole = NLA_ALIGN(each->nla_len);

		if (each->nla_len < NLA_HDRLEN || each->nla_len > bytes)
			return NULL;
		if ((each->nla_type & NLA_TYPE_MASK) == type) {
			*found = each->nla_len - NLA_HDRLEN;
			return *found < least ? NULL : at + NLA_HDRLEN;
		}
		if (whole >= bytes)
			return NULL;
		at += whole;
		bytes -= whole;
	}
	return NULL;
}

/* The source and the destination of a connection, as it was made. */
static int read_tuple(const void *tuple, size_t bytes, int family, struct endpoint *from, struct endpoint *to)
{
	int source = family == AF_INET ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, destination = family == AF_INET ? CTA_IP_V4_DST : CTA_IP_V6_DST;
	size_t address_bytes, port_bytes, length, size = length_of(family);
	const void *addresses = attribute(tuple, bytes, CTA_TUPLE_IP, 0, &address_bytes);
	const void *ports = attribute(tuple, bytes, CTA_TUPLE_PROTO, 0, &port_bytes);
	const void *at[4];
	const unsigned char *protocol;

	if (!addresses || !ports)
		return 0;
	protocol = attribute(ports, port_bytes, CTA_PROTO_NUM, 1, &length);
	at[0] = attribute(addresses, address_bytes, source, size, &length);
	at[1] = attribute(addresses, address_bytes, destination, size, &length);
	at[2] = attribute(ports, port_bytes, CTA_PROTO_SRC_PORT, sizeof(in_port_t), &length);
	at[3] = attribute(ports, port_bytes, CTA_PROTO_DST_PORT, sizeof(in_port_t), &length);
	if (!protocol || *protocol != IPPROTO_TCP || !at[0] || !at[1] || !at[2] || !at[3])
		return 0;
	from->address.family = to->address.family = family;
	memcpy(from->address.at.bytes, at[0], size);
	memcpy(to->address.at.bytes, at[1], size);
	memcpy(&from->port, at[2], sizeof from->port);
	memcpy(&to->port, at[3], sizeof to->port);
	return 1;
}

/* Whether a client may wait for something: established, or its own end is closed. */
static int is_established(const void *all, size_t bytes)
{
	size_t length;
	const void *protocol = attribute(all, bytes, CTA_PROTOINFO, 0, &length);
	const void *tcp = protocol ? attribute(protocol, length, CTA_PROTOINFO_TCP, 0, &length) : NULL;
	const unsigned char *state = tcp ? attribute(tcp, length, CTA_PROTOINFO_TCP_STATE, 1, &length) : NULL;

	return state && (*state == TCP_CONNTRACK_ESTABLISHED || *state == TCP_CONNTRACK_CLOSE_WAIT);
}

static int is_translated(const void *all, size_t bytes)
{
	unsigned int status;
	size_t length;
	const void *at = attribute(all, bytes, CTA_STATUS, sizeof status, &length);

	if (!at)
		return 0;
	memcpy(&status, at, sizeof status);
	return (ntohl(status) & IPS_DST_NAT) != 0;
}

/* Tells of one connection, if it is one of those that are asked for. */
static void tell_connection(struct request *request, FILE *to, const struct nlmsghdr *message)
{
	size_t head = NLMSG_ALIGN(sizeof(struct nfgenmsg)), bytes = NLMSG_PAYLOAD(message, head), length;
	const char *all = (const char *)NLMSG_DATA(message) + head;
	int family = ((const struct nfgenmsg *)NLMSG_DATA(message))->nfgen_family;
	char from[INET6_ADDRSTRLEN], at[INET6_ADDRSTRLEN];
	struct endpoint client, service;
	const void *tuple;

	if (message->nlmsg_len < NLMSG_LENGTH(head) || (family != AF_INET && family != AF_INET6))
		return;
	tuple = attribute(all, bytes, CTA_TUPLE_ORIG, 0, &length);
	if (!tuple || !read_tuple(tuple, length, family, &client, &service) || !is_listed(&service.address))
		return;
	if (!is_translated(all, bytes) || !is_established(all, bytes) || request->sent == MOST_LINES)
		return;
	request->sent++;
	fprintf(to, "%s %u %s %u\n", inet_ntop(family, &service.address.at, at, sizeof at), ntohs(service.port),
		inet_ntop(family, &client.address.at, from, sizeof from), ntohs(client.port));
}

/* Asks the kernel for all connections, of those that are translated alone where it knows how to (Linux 5.12); others are left out here. */
static int ask_table(void)
{
	struct {
		struct nlmsghdr head;
		struct nfgenmsg family;
		struct nlattr status;
		unsigned int status_value;
		struct nlattr mask;
		unsigned int mask_value;
	} question = {
	    .head = {.nlmsg_len = sizeof question,
		     .nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET,
		     .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
	    .family = {.nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0},
	    .status = {.nla_len = NLA_HDRLEN + sizeof(unsigned int), .nla_type = CTA_STATUS},
	    .status_value = htonl(IPS_DST_NAT),
	    .mask = {.nla_len = NLA_HDRLEN + sizeof(unsigned int), .nla_type = CTA_STATUS_MASK},
	    .mask_value = htonl(IPS_DST_NAT),
	};

	return send(table, &question, sizeof question, 0) == sizeof question;
}

/* Tells of what is in one answer of the kernel; 0 when there is more to come, 1 at the end, -1 and errno when it refuses. */
static int tell_answer(struct request *request, FILE *to, const char *from, size_t bytes)
{
	const struct nlmsghdr *message = (const struct nlmsghdr *)from;

	for (; NLMSG_OK(message, bytes); message = NLMSG_NEXT(message, bytes)) {
		if (message->nlmsg_type == NLMSG_DONE)
			return 1;
		if (message->nlmsg_type == NLMSG_ERROR) {
			errno = -((const struct nlmsgerr *)NLMSG_DATA(message))->error;
			return -1;
		}
		tell_connection(request, to, message);
	}
	return 0;
}

static void open_table(void)
{
	const struct timeval limit = {.tv_sec = REQUEST_SECONDS};

	table = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	if (table < 0)
		fail("netlink");
	setsockopt(table, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
}

static void serve_list(int client)
{
	struct request request = {.client = client};
	char input[65536];
	int end = 0;
	FILE *to;

	listed_count = 0;
	if (!read_request(&request, want_address))
		return;
	to = fdopen(dup(client), "w");
	if (!to)
		return;
	if (listed_count > 0)
		end = ask_table() ? 0 : -1;
	else
		end = 1;
	while (end == 0) {
		ssize_t got = recv(table, input, sizeof input, 0);
		end = got < 0 || ferror(to) ? -1 : tell_answer(&request, to, input, (size_t)got);
	}
	if (end > 0)
		fprintf(to, "end=%lu\n", request.sent);
	else
		fprintf(to, "error=%s\n", strerror(errno));
	fclose(to);
	/* What is left of an answer that was given up would be taken for the next one. */
	if (end < 0) {
		close(table);
		open_table();
	}
}

/* --- the order of things --------------------------------------------------------------------------------------------------------- */

static int listen_at(const char *path)
{
	struct sockaddr_un where = {.sun_family = AF_UNIX};
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof where.sun_path) {
		errno = ENAMETOOLONG;
		fail(path);
	}
	strcpy(where.sun_path, path);
	unlink(path);
	if (listener < 0 || bind(listener, (struct sockaddr *)&where, sizeof where) < 0 || chmod(path, 0666) < 0 || listen(listener, 8) < 0)
		fail(path);
	return listener;
}

/* Keeps these capabilities and no other, for good. */
static void keep_capabilities(unsigned int kept)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {{.effective = kept, .permitted = kept}};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || syscall(SYS_capset, &header, data) < 0)
		fail("capset");
}

static void open_raw(void)
{
	const struct timeval second = {.tv_sec = 1};

	raw4 = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	if (raw4 < 0)
		fail("raw socket");
	raw6 = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW); /* none where the kernel has no IPv6: then nothing is here */
	setsockopt(raw4, SOL_SOCKET, SO_SNDTIMEO, &second, sizeof second);
}

int main(int count, char **arguments)
{
	const struct timeval second = {.tv_sec = 1};
	int listener, asks = count == 4 && strcmp(arguments[1], "ask") == 0;

	if (!asks && (count != 4 || strcmp(arguments[1], "list") != 0)) {
		fprintf(stderr, "usage: reset-connections ask|list SOCKET CONFIGURATION\n");
		return 64;
	}
	signal(SIGPIPE, SIG_IGN);
	if (asks)
		open_raw();
	else
		open_table();
	listener = listen_at(arguments[2]);
	keep_capabilities(asks ? 0 : 1U << CAP_NET_ADMIN);
	for (;;) {
		int client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

		if (client < 0 && (errno == EINTR || errno == ECONNABORTED))
			continue;
		if (client < 0)
			fail("accept");
		setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &second, sizeof second);
		read_allowed(arguments[3]);
		if (asks)
			serve_ask(client);
		else
			serve_list(client);
		close(client);
	}
}
