/* The workloads of workloads.py between two sessions of libnghttp2, in one process without I/O.

   usage: libnghttp2 REPEATS WORKLOAD [WORKLOAD ...]

   Prints one JSON object: for each workload the microseconds of CPU time per unit, one figure per
   repetition. A run that is not counted comes first. Fields and content are those of workloads.py,
   as far as that matters for the time; libnghttp2.py builds and runs this program. */

#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum workload { GET, REPEAT, GRPC, CONCURRENT, PING, WORKLOADS };
static const char *const NAMES[] = {"get", "repeat", "grpc", "concurrent", "ping"};
static const int SIZES[] = {20000, 20000, 15000, 15000, 50000};

#define AT_ONCE 100
#define MOST_FIELDS 11

struct fields {
    nghttp2_nv nva[MOST_FIELDS];
    size_t count;
};

/* What is left to send on a stream: pieces, each of which becomes a frame. */
struct content {
    int pieces[2];
    int next, count, trailers;
};

struct end {
    nghttp2_session *session;
    enum workload workload;
    int server;
    long finished, octets;
    struct fields response;
    struct content contents[AT_ONCE + 1];
    int used;
};

static uint8_t octets[1 << 22];

static void fail(const char *what) {
    fprintf(stderr, "libnghttp2: %s\n", what);
    exit(1);
}

static void add(struct fields *fields, const char *name, const char *value) {
    nghttp2_nv *nv = &fields->nva[fields->count++];
    nv->name = (uint8_t *)name;
    nv->namelen = strlen(name);
    nv->value = (uint8_t *)strdup(value);
    nv->valuelen = strlen(value);
    nv->flags = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE;
}

static void browser_request(struct fields *fields, int number) {
    char path[64], id[32];
    snprintf(path, sizeof path, "/api/v2/items?page=%d", number);
    snprintf(id, sizeof id, "%016x", number);
    add(fields, ":method", "GET");
    add(fields, ":scheme", "https");
    add(fields, ":authority", "www.example.com");
    add(fields, ":path", path);
    add(fields, "user-agent",
        "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0");
    add(fields, "accept", "application/json, text/plain, */*");
    add(fields, "accept-language", "en-US,en;q=0.5");
    add(fields, "accept-encoding", "gzip, deflate, br, zstd");
    add(fields, "referer", "https://www.example.com/dashboard");
    add(fields, "cookie", "session=0123456789abcdef0123456789abcdef");
    add(fields, "x-request-id", id);
}

static void call_request(struct fields *fields) {
    add(fields, ":method", "POST");
    add(fields, ":scheme", "http");
    add(fields, ":path", "/helloworld.Greeter/SayHello");
    add(fields, ":authority", "localhost:50051");
    add(fields, "te", "trailers");
    add(fields, "content-type", "application/grpc+proto");
    add(fields, "user-agent", "grpc-python/1.0");
    add(fields, "grpc-timeout", "999m");
}

static void web_response(struct fields *fields, enum workload workload, int number) {
    char tag[32];
    snprintf(tag, sizeof tag, "W/\"%016x\"", number);
    add(fields, ":status", "200");
    add(fields, "server", "example/1.0");
    add(fields, "date", "Fri, 20 Nov 2026 06:27:00 GMT");
    add(fields, "content-type", "application/json");
    if (workload == REPEAT) add(fields, "content-length", "0");
    if (workload != GET) return;
    add(fields, "content-length", "512");
    add(fields, "cache-control", "max-age=0, private, must-revalidate");
    add(fields, "etag", tag);
    add(fields, "vary", "Accept-Encoding");
}

static ssize_t read_content(nghttp2_session *session, int32_t stream_id, uint8_t *buffer,
                            size_t length, uint32_t *flags, nghttp2_data_source *source,
                            void *user_data) {
    struct content *content = source->ptr;
    int size = content->pieces[content->next++];
    (void)user_data;
    if ((size_t)size > length) fail("no room for content");
    memset(buffer, 'x', size);
    if (content->next == content->count) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        if (content->trailers) {
            nghttp2_nv trailer = {(uint8_t *)"grpc-status", (uint8_t *)"0", 11, 1,
                                  NGHTTP2_NV_FLAG_NONE};
            *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
            nghttp2_submit_trailer(session, stream_id, &trailer, 1);
        }
    }
    return size;
}

static nghttp2_data_provider *provider(struct end *end, int first, int second, int trailers) {
    static nghttp2_data_provider made;
    struct content *content = &end->contents[end->used++ % (AT_ONCE + 1)];
    content->pieces[0] = first;
    content->pieces[1] = second;
    content->count = second ? 2 : 1;
    content->next = 0;
    content->trailers = trailers;
    made.source.ptr = content;
    made.read_callback = read_content;
    return &made;
}

static void respond(struct end *end, int32_t stream_id) {
    static struct fields call;
    if (end->workload == GRPC) {
        if (!call.count) {
            add(&call, ":status", "200");
            add(&call, "content-type", "application/grpc+proto");
        }
        nghttp2_submit_response(end->session, stream_id, call.nva, call.count,
                                provider(end, 37, 0, 1));
        return;
    }
    nghttp2_submit_response(end->session, stream_id, end->response.nva, end->response.count,
                            end->workload == REPEAT ? NULL : provider(end, 512, 0, 0));
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user_data) {
    struct end *end = user_data;
    (void)session;
    if (frame->hd.type == NGHTTP2_PING) end->finished += frame->hd.flags & NGHTTP2_FLAG_ACK;
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) return 0;
    if (!(frame->hd.flags & NGHTTP2_FLAG_END_STREAM)) return 0;
    end->finished++;
    if (end->server) respond(end, frame->hd.stream_id);
    return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_length, const uint8_t *value, size_t value_length, uint8_t flags,
                     void *user_data) {
    (void)session, (void)frame, (void)name, (void)value, (void)flags;
    ((struct end *)user_data)->octets += name_length + value_length;
    return 0;
}

static int on_content(nghttp2_session *session, uint8_t flags, int32_t stream_id,
                      const uint8_t *data, size_t length, void *user_data) {
    (void)session, (void)flags, (void)stream_id, (void)data;
    ((struct end *)user_data)->octets += length;
    return 0;
}

static void start(struct end *end, int server, enum workload workload) {
    nghttp2_session_callbacks *callbacks;
    nghttp2_settings_entry entry = {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 100};
    memset(end, 0, sizeof *end);
    end->server = server;
    end->workload = workload;
    web_response(&end->response, workload, 0);
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_content);
    if (server)
        nghttp2_session_server_new(&end->session, callbacks, end);
    else
        nghttp2_session_client_new(&end->session, callbacks, end);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_submit_settings(end->session, NGHTTP2_FLAG_NONE, &entry, 1);
    if (workload == CONCURRENT)
        nghttp2_submit_window_update(end->session, NGHTTP2_FLAG_NONE, 0, 1 << 30);
}

static void carry(struct end *from, struct end *to) {
    size_t length = 0;
    const uint8_t *piece;
    ssize_t size;
    while ((size = nghttp2_session_mem_send(from->session, &piece)) > 0) {
        if (length + size > sizeof octets) fail("no room for frames");
        memcpy(octets + length, piece, size);
        length += size;
    }
    if (nghttp2_session_mem_recv(to->session, octets, length) != (ssize_t)length)
        fail("what was sent was not received");
}

static double run(enum workload workload) {
    int size = SIZES[workload], number, stream;
    struct end client, server;
    struct fields *requests = calloc(size, sizeof *requests);
    for (number = 0; number < size; number++) {
        if (workload == GRPC)
            call_request(&requests[number]);
        else
            browser_request(&requests[number], workload == REPEAT ? 1 : number);
    }
    start(&client, 0, workload);
    start(&server, 1, workload);
    for (number = 0; number < 2; number++) carry(&client, &server), carry(&server, &client);
    client.finished = 0;
    clock_t before = clock();
    for (number = 0; number < size;) {
        if (workload == PING) {
            nghttp2_submit_ping(client.session, NGHTTP2_FLAG_NONE, (const uint8_t *)"12345678");
            number++;
        } else {
            int together = workload == CONCURRENT ? AT_ONCE : 1;
            for (stream = 0; stream < together; stream++, number++) {
                nghttp2_data_provider *content = NULL;
                if (workload == GRPC) content = provider(&client, 37, 0, 0);
                if (workload == CONCURRENT) content = provider(&client, 512, 100, 0);
                if (workload == GET) {
                    /* The entity tag differs from one response to the next. */
                    nghttp2_nv *tag = &server.response.nva[6];
                    snprintf((char *)tag->value, tag->valuelen + 1, "W/\"%016x\"", number);
                }
                if (nghttp2_submit_request(client.session, NULL, requests[number].nva,
                                           requests[number].count, content, NULL) < 0)
                    fail("a request was refused");
            }
        }
        carry(&client, &server);
        carry(&server, &client);
    }
    double spent = (double)(clock() - before) / CLOCKS_PER_SEC;
    if (client.finished != size) fail("traffic got lost");
    nghttp2_session_del(client.session);
    nghttp2_session_del(server.session);
    free(requests);
    return spent / size * 1e6;
}

int main(int argc, char **argv) {
    int repeats = argc > 1 ? atoi(argv[1]) : 0, place, number;
    if (argc < 3 || repeats < 1) fail("usage: libnghttp2 REPEATS WORKLOAD ...");
    for (place = 2; place < argc; place++) {
        enum workload workload = 0;
        while (workload < WORKLOADS && strcmp(NAMES[workload], argv[place])) workload++;
        if (workload == WORKLOADS) fail("no such workload");
        run(workload);
        printf("%s\"%s\": [", place == 2 ? "{" : ", ", argv[place]);
        for (number = 0; number < repeats; number++)
            printf("%s%.4f", number ? ", " : "", run(workload));
        printf("]");
    }
    printf("}\n");
    return 0;
}
