/* base/limits.h - every bound of nightshift, in one place.
 *
 * At a bound we refuse and say so. Bounds that are a user's choice have their
 * default in config/; here is what the code is built for.
 */
#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

#define LIMIT_KIB 1024
#define LIMIT_MIB (1024 * LIMIT_KIB)

/* Names. Kubernetes: DNS labels 63, subdomains 253, label keys 253 + 1 + 63. */
#define LIMIT_LABEL_BYTES 63
#define LIMIT_NAME_BYTES  253

/* The API's front door. */
#define LIMIT_HTTP_HEADER_BYTES     (8 * LIMIT_KIB)
#define LIMIT_HTTP_URL_BYTES        (2 * LIMIT_KIB)
#define LIMIT_HTTP_BODY_BYTES       (32 * LIMIT_MIB)
#define LIMIT_HTTP_BODY_BYTES_ALL   (256 * LIMIT_MIB)
#define LIMIT_HTTP_HEADERS          100
#define LIMIT_HTTP_CONNECTIONS      10240
#define LIMIT_HTTP_CONNECTIONS_UNIX 1024
#define LIMIT_HTTP_STREAM_BYTES     (512 * LIMIT_KIB)
#define LIMIT_IDEMPOTENCY_KEY_BYTES 128
#define LIMIT_API_LIST_ITEMS        1000  /* in one answer */
#define LIMIT_API_LIST_LOOKS        20000 /* jobs that one answer is chosen from */
#define LIMIT_API_ANSWER_BYTES      (64 * LIMIT_MIB)

/* Manifests and configuration. */
#define LIMIT_MANIFEST_BYTES     LIMIT_HTTP_BODY_BYTES
#define LIMIT_MANIFEST_DOCUMENTS 10000
#define LIMIT_DOCUMENT_NODES     (1000 * 1000) /* of one file, aliases written out */
#define LIMIT_DOCUMENT_ANCHORS   100
#define LIMIT_PROBLEMS           20 /* reported of one file */
#define LIMIT_TOKENS             10000
#define LIMIT_MANIFEST_DEPTH     64
#define LIMIT_ROW_COLUMNS        64
#define LIMIT_ROW_BYTES          4000 /* of a template's row, as JSON */
#define LIMIT_ARRAY_ELEMENTS     (1000 * 1000)
#define LIMIT_SPEC_BYTES         (1 * LIMIT_MIB)
#define LIMIT_KEY_FILE_BYTES     (4 * LIMIT_KIB)
#define LIMIT_SECRET_BYTES       (128 * LIMIT_KIB) /* a keytab, a certificate */
#define LIMIT_CONFIG_BYTES       (1 * LIMIT_MIB)

/* A schedule's definition: kept in memory. And records of runs that one look skips: others are told
 * of in one. */
#define LIMIT_SCHEDULE_BYTES (256 * LIMIT_KIB)
#define LIMIT_SCHEDULES      100000
#define LIMIT_SCHEDULE_SKIPS 100
#define LIMIT_SCHEDULE_LOOKS 20000 /* occurrences that one look counts */
#define LIMIT_SCHEDULE_RUNS  256   /* that one turn makes */

/* Windows: of each list, of a calendar with those it includes, of its file, of a zone's file. */
#define LIMIT_WINDOWS        1000
#define LIMIT_CALENDAR_DAYS  100000
#define LIMIT_CALENDAR_BYTES (4 * LIMIT_MIB)
#define LIMIT_ZONE_BYTES     (64 * LIMIT_KIB)

/* Teams, and lists beside them. */
#define LIMIT_TEAMS      10000
#define LIMIT_TEAM_DEPTH 8

/* Elastic node pools, and the members each may grow to. */
#define LIMIT_POOLS      64
#define LIMIT_POOL_NODES 10000

/* A job. */
#define LIMIT_JOB_PODS          100000
#define LIMIT_JOB_ATTEMPTS      1000
#define LIMIT_MESSAGE_BYTES     1023
#define LIMIT_RECORD_TEXT_BYTES 4095 /* of a stored name or message; the rest is cut */

/* The queue's file: it grows by doubling from the first to the last. Sparse, so room costs nothing.
 */
#define LIMIT_QUEUE_MAP_BYTES_FIRST ((size_t)256 * LIMIT_MIB)
#define LIMIT_QUEUE_MAP_BYTES_LAST  ((size_t)64 * 1024 * LIMIT_MIB)

/* The journal of commits that are not in the queue's file yet: doubles each time it was full. */
#define LIMIT_QUEUE_JOURNAL_BYTES_FIRST ((size_t)64 * LIMIT_KIB)
#define LIMIT_QUEUE_JOURNAL_BYTES_LAST  ((size_t)4 * LIMIT_MIB)

#define LIMIT_QUEUE_ROOM_BYTES   (16 * LIMIT_MIB) /* free on the disk, or no new work is taken */
#define LIMIT_QUEUE_DAMAGE_NOTED 10000            /* damaged records moved at once */

#define LIMIT_LOG_FILES      1000000                      /* of pods' logs; the oldest go */
#define LIMIT_LOG_ROOM_BYTES (8 * LIMIT_QUEUE_ROOM_BYTES) /* free on the disk, or no log is */
#define LIMIT_LOG_STREAMS    4096                         /* followed at once, 64 KiB each */
#define LIMIT_LOG_FILE_BYTES (64 * LIMIT_MIB)             /* of one log, before it is compressed */

/* A Spark application's payload. */
#define LIMIT_SPARK_CONF_KEYS 4096
#define LIMIT_SPARK_ARGUMENTS 4096
#define LIMIT_POD_CONTAINERS  64 /* of each kind: init containers, containers */

/* The cluster. */
#define LIMIT_KUBE_OBJECT_BYTES       (4 * LIMIT_MIB)
#define LIMIT_KUBE_LIST_PAGE          500
#define LIMIT_POD_NEWS                200 /* events of one pod that are looked at */
#define LIMIT_KUBE_LIST_BYTES         (64 * LIMIT_MIB)
#define LIMIT_KUBE_REQUESTS_IN_FLIGHT 64

/* The simulated cluster. */
#define LIMIT_SIM_OBSERVERS   8
#define LIMIT_SIM_LOG_ENTRIES 8192
#define LIMIT_SIM_BODY_BYTES  (512 * LIMIT_MIB)
#define LIMIT_SIM_FAULTS      1000
#define LIMIT_SIM_IMAGES      64
#define LIMIT_SIM_TOKENS      16

#define LIMIT_RUNTIME_CLASSES 1000

/* One turn. */
#define LIMIT_TURN_EVENTS 4096
#define LIMIT_TURN_STARTS 256

/* Events that wait for their turn, about: beyond them the watches rest. */
#define LIMIT_INBOX_EVENTS (2 * LIMIT_TURN_EVENTS)

/* Running jobs whose expected ends backfill counts on, about: those that end first. */
#define LIMIT_BACKFILL_ENDS 10000

/* What looking for promises may take of a pass, in steps of about a tenth of a microsecond: after
 * an event, and when it only goes on. */
#define LIMIT_BACKFILL_EVENT_STEPS 2500
#define LIMIT_BACKFILL_SLICE_STEPS 25000

/* Instants looked at to find when a blocked job can start. */
#define LIMIT_BACKFILL_INSTANTS 1000

/* Job names whose run times are remembered: about 200 bytes each. */
#define LIMIT_RUNTIME_NAMES 10000
#define LIMIT_BREAKERS      10000
#define LIMIT_BLAMED_NODES  10000

/* A look ahead, in a child process. */
#define LIMIT_FORECAST_SECONDS 2 /* that it may compute */
#define LIMIT_FORECAST_FUTURES 20
#define LIMIT_FORECAST_STARTS  10000 /* of each future */
#define LIMIT_FORECAST_DAYS    30
#define LIMIT_FORECAST_RUNS    1000            /* of schedules, that are told of each future: */
#define LIMIT_FORECAST_HOURS   24              /* those that are due within them */
#define LIMIT_FORECAST_CLIENTS 256             /* that wait for one */
#define LIMIT_NOTICES          10000           /* to be sent, or put aside */
#define LIMIT_NOTICE_BYTES     (4 * LIMIT_MIB) /* as it is sent; reports are long */
#define LIMIT_OUTLOOKS         4096 /* jobs with deadlines that a forecast is asked about */

/* Demands of specs kept to be found again: a few KiB each. */
#define LIMIT_DEMANDS_KEPT 4096

/* Texts of one job that are recognised when they come again with another name. */
#define LIMIT_MANIFESTS_KNOWN      1024
#define LIMIT_MANIFEST_KNOWN_BYTES (16 * LIMIT_KIB)

_Static_assert(LIMIT_SPEC_BYTES <= LIMIT_MANIFEST_BYTES, "one spec fits a manifest");
_Static_assert(LIMIT_SCHEDULE_BYTES <= LIMIT_SPEC_BYTES, "a schedule is stored like a spec");
_Static_assert(LIMIT_MANIFEST_BYTES <= LIMIT_HTTP_BODY_BYTES, "a manifest fits a request");
_Static_assert(LIMIT_ROW_BYTES <= LIMIT_RECORD_TEXT_BYTES, "a row is stored whole");
_Static_assert(LIMIT_KUBE_OBJECT_BYTES <= LIMIT_KUBE_LIST_BYTES, "one object fits a page");
_Static_assert(LIMIT_HTTP_BODY_BYTES <= LIMIT_HTTP_BODY_BYTES_ALL, "one body fits all bodies");
_Static_assert(LIMIT_INBOX_EVENTS > LIMIT_TURN_EVENTS, "a turn is never short of events");
_Static_assert(LIMIT_KUBE_REQUESTS_IN_FLIGHT <= LIMIT_TURN_EVENTS, "results fit a turn");

#endif
