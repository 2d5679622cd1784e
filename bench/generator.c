/* Paced RTP on sockets that the caller opened: sends every stream on its beat, checks and times what comes back.
 *
 * usage: generator PLAN CONTENT DELAYS SECONDS
 * PLAN has one line a stream: FD HOST PORT PAYLOAD_TYPE SSRC SEQUENCE TIMESTAMP STEP FRAME PERIOD_US PHASE_US START FRAMES
 * HEARS. The stream sends FRAMES frames of FRAME octets that begin at octet START of CONTENT, over and over, from socket
 * FD to HOST:PORT, each PERIOD_US; sequence and timestamp go on by 1 and STEP. On FD comes what stream number HEARS sent
 * (-1: whatever comes is only counted). A packet is known by its sequence number, so it must pass unchanged; its payload
 * is compared octet by octet, and its delay is the kernel's time of arrival less the time just before it was sent.
 * Prints one JSON object; the delays go to the file DELAYS, 32-bit numbers of 100 ns each.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define BEAT_NS 250000
#define LINGER_NS 300000000L /* for packets on their way at the end */

struct stream {
    int fd, type, frame, hears;
    struct sockaddr_storage to;
    socklen_t to_octets;
    uint32_t ssrc, timestamp, step;
    uint16_t sequence;
    int64_t period, phase, start, frames;
    int64_t sent, received, corrupt, strange, repeated, first_ns, capacity;
    int64_t *sent_at; /* CLOCK_REALTIME, per packet; 0 once it came back */
};

static struct stream *streams;
static int count;
static const uint8_t *content;
static uint32_t *delays; /* in 100 ns */
static int64_t delay_count, late_max, not_sent;

static int64_t clock_of(clockid_t id) {
    struct timespec now;
    clock_gettime(id, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static void send_one(struct stream *s) {
    uint8_t packet[2048];
    uint16_t sequence = htons((uint16_t)(s->sequence + s->sent));
    uint32_t timestamp = htonl(s->timestamp + (uint32_t)s->sent * s->step), ssrc = htonl(s->ssrc);
    packet[0] = 0x80;
    packet[1] = s->type | (s->sent ? 0 : 0x80);
    memcpy(packet + 2, &sequence, 2);
    memcpy(packet + 4, &timestamp, 4);
    memcpy(packet + 8, &ssrc, 4);
    memcpy(packet + 12, content + s->start + (s->sent % s->frames) * s->frame, s->frame);
    if (!s->sent) s->first_ns = clock_of(CLOCK_MONOTONIC);
    s->sent_at[s->sent++] = clock_of(CLOCK_REALTIME);
    if (sendto(s->fd, packet, 12 + s->frame, 0, (struct sockaddr *)&s->to, s->to_octets) != 12 + s->frame) not_sent++;
}

static void receive_one(struct stream *s) {
    uint8_t packet[2048], control[128];
    struct iovec vector = {packet, sizeof packet};
    struct msghdr message = {
        .msg_iov = &vector, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    ssize_t length = recvmsg(s->fd, &message, MSG_DONTWAIT);
    if (length < 12) return;
    s->received++;
    if (s->hears < 0) return;
    struct stream *from = &streams[s->hears];
    uint16_t behind = (uint16_t)(from->sequence + from->sent - 1 - ((packet[2] << 8) | packet[3]));
    int64_t index = from->sent - 1 - behind;
    if (index < 0) {
        s->strange++;
        return;
    }
    if (length != 12 + from->frame || (packet[1] & 0x7f) != from->type ||
        memcmp(packet + 12, content + from->start + (index % from->frames) * from->frame, from->frame))
        s->corrupt++;
    struct cmsghdr *note = CMSG_FIRSTHDR(&message);
    struct timespec arrival;
    if (!from->sent_at[index]) {
        s->repeated++;
    } else if (note && note->cmsg_type == SO_TIMESTAMPNS) {
        memcpy(&arrival, CMSG_DATA(note), sizeof arrival);
        delays[delay_count++] =
            (uint32_t)((arrival.tv_sec * 1000000000LL + arrival.tv_nsec - from->sent_at[index]) / 100);
    }
    from->sent_at[index] = 0;
}

static void read_plan(const char *path, int64_t duration) {
    char line[512], host[64], port[16];
    FILE *plan = fopen(path, "r");
    int64_t expected = 0;
    while (plan && fgets(line, sizeof line, plan)) {
        streams = realloc(streams, (count + 1) * sizeof *streams);
        struct stream *s = memset(&streams[count++], 0, sizeof *s);
        unsigned sequence;
        struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_DGRAM}, *found;
        if (sscanf(line, "%d %63s %15s %d %u %u %u %u %d %ld %ld %ld %ld %d", &s->fd, host, port, &s->type, &s->ssrc,
                   &sequence, &s->timestamp, &s->step, &s->frame, &s->period, &s->phase, &s->start, &s->frames,
                   &s->hears) != 14 ||
            getaddrinfo(host, port, &hints, &found)) {
            fprintf(stderr, "plan: %s", line);
            exit(2);
        }
        memcpy(&s->to, found->ai_addr, s->to_octets = found->ai_addrlen);
        freeaddrinfo(found);
        s->sequence = sequence;
        s->period *= 1000;
        s->phase *= 1000;
        s->capacity = duration / s->period + 2;
        s->sent_at = calloc(s->capacity, sizeof *s->sent_at);
        expected += s->capacity;
    }
    delays = malloc(expected * sizeof *delays);
}

int main(int argc, char **argv) {
    if (argc != 5) return 2;
    int64_t duration = (int64_t)(atof(argv[4]) * 1e9);
    read_plan(argv[1], duration);
    int blob = open(argv[2], O_RDONLY), on = 1;
    struct stat size;
    fstat(blob, &size);
    content = mmap(NULL, size.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, blob, 0);
    int epoll = epoll_create1(0), beat = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    for (int i = 0; i < count; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = i};
        setsockopt(streams[i].fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
        epoll_ctl(epoll, EPOLL_CTL_ADD, streams[i].fd, &event);
    }
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = count};
    epoll_ctl(epoll, EPOLL_CTL_ADD, beat, &event);
    struct itimerspec every = {{0, BEAT_NS}, {0, BEAT_NS}};
    timerfd_settime(beat, 0, &every, NULL);

    /* Streams in the order of their phases: all have the same period, so the next one due is always the next in turn. */
    int64_t begin = clock_of(CLOCK_MONOTONIC) + 1000000, round = 0, now;
    int turn = 0, open = count > 0;
    do {
        now = clock_of(CLOCK_MONOTONIC);
        while (open) {
            struct stream *s = &streams[turn];
            int64_t due = begin + s->phase + round * s->period;
            if (due - begin >= duration) open = 0;
            if (!open || due > now) break;
            if (now - due > late_max) late_max = now - due;
            send_one(s);
            if (++turn == count) turn = 0, round++;
        }
        struct epoll_event ready[128];
        int n = epoll_wait(epoll, ready, 128, 50);
        for (int k = 0; k < n; k++) {
            uint64_t beats;
            if (ready[k].data.u32 == (uint32_t)count) {
                if (read(beat, &beats, 8) < 0) continue;
            } else
                receive_one(&streams[ready[k].data.u32]);
        }
    } while (now < begin + duration + LINGER_NS);

    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    int64_t sent = 0, received = 0, corrupt = 0, strange = 0, repeated = 0;
    for (int i = 0; i < count; i++) {
        sent += streams[i].sent, received += streams[i].received, corrupt += streams[i].corrupt;
        strange += streams[i].strange, repeated += streams[i].repeated;
    }
    FILE *times = fopen(argv[3], "w");
    if (!times || fwrite(delays, sizeof *delays, delay_count, times) != (size_t)delay_count || fclose(times)) return 1;
    printf("{\"sent\":%ld,\"received\":%ld,\"corrupt\":%ld,\"strange\":%ld,\"repeated\":%ld,\"not_sent\":%ld,", sent,
           received, corrupt, strange, repeated, not_sent);
    printf("\"generator_late_ms\":%.3f,\"generator_cpu_s\":%.3f,\"streams\":[", late_max / 1e6,
           usage.ru_utime.tv_sec + usage.ru_stime.tv_sec + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6);
    for (int i = 0; i < count; i++)
        printf("%s{\"sent\":%ld,\"received\":%ld,\"corrupt\":%ld,\"first_ns\":%ld}", i ? "," : "", streams[i].sent,
               streams[i].received, streams[i].corrupt, streams[i].first_ns);
    printf("]}\n");
    return 0;
}
