/* The floor: the smallest relay there can be. Pairs of UDP sockets on 127.0.0.1; what comes to one leaves by the other.
 *
 * usage: floor PAIRS
 * Prints one line with the ports of all sockets, pair by pair; then reads one line with the ports to send to, in the same
 * order (what socket 2k hears goes from socket 2k+1 to its destination, and back); relays until standard input ends.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv) {
    int count = argc > 1 ? 2 * atoi(argv[1]) : 0;
    int *sockets = calloc(count, sizeof *sockets);
    struct sockaddr_in *targets = calloc(count, sizeof *targets);
    int epoll = epoll_create1(0), buffer = 1 << 18, class = 0xB8;
    for (int i = 0; i < count; i++) {
        struct sockaddr_in local = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t octets = sizeof local;
        sockets[i] = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
        setsockopt(sockets[i], SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
        setsockopt(sockets[i], IPPROTO_IP, IP_TOS, &class, sizeof class);
        if (sockets[i] < 0 || bind(sockets[i], (struct sockaddr *)&local, sizeof local)) return perror("bind"), 1;
        getsockname(sockets[i], (struct sockaddr *)&local, &octets);
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = i};
        epoll_ctl(epoll, EPOLL_CTL_ADD, sockets[i], &event);
        printf("%d ", ntohs(local.sin_port));
    }
    printf("\n");
    fflush(stdout);
    for (int i = 0; i < count; i++) {
        int port;
        if (scanf("%d", &port) != 1) return 1;
        targets[i] = (struct sockaddr_in){
            .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    }
    struct epoll_event over = {.events = EPOLLIN | EPOLLHUP, .data.u32 = count};
    epoll_ctl(epoll, EPOLL_CTL_ADD, 0, &over);
    for (;;) {
        struct epoll_event ready[64];
        int n = epoll_wait(epoll, ready, 64, -1);
        for (int k = 0; k < n; k++) {
            char packet[2048], end;
            struct sockaddr_in source;
            socklen_t octets = sizeof source;
            int i = ready[k].data.u32;
            if (i == count) {
                if (read(0, &end, 1) <= 0) return 0;
                continue;
            }
            ssize_t length = recvfrom(sockets[i], packet, sizeof packet, 0, (struct sockaddr *)&source, &octets);
            if (length > 0)
                sendto(sockets[i ^ 1], packet, length, 0, (struct sockaddr *)&targets[i ^ 1], sizeof *targets);
        }
    }
}
