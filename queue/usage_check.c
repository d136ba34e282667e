#include "queue/usage_check.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/memory.h"
#include "policy/decay.h"
#include "policy/resources.h"

#define EXTENDED_PARTS 1000.0 /* as the scheduler writes them */
#define PROBLEM_BYTES  512

/* Sums of a great many small numbers: of what was used, and of what was held meanwhile. */
#define PART_OF_USED 1e-6
#define PART_OF_HELD 1e-9

struct account {
    int64_t updated_us;
    int64_t since_us;
    double half_life_us; /* 0: not known; nothing can be said of it */
    double used[RESOURCE_KIND_MAX];
    double carried[RESOURCE_KIND_MAX];
    double charged[RESOURCE_KIND_MAX];
    double held[RESOURCE_KIND_MAX];
};

struct usage_check {
    struct map accounts; /* "team/user" -> struct account */
    struct resource_names names;
    char **problems;
    size_t problem_count;
};

struct usage_check *usage_check_create(void) {
    return mem_alloc(1, sizeof(struct usage_check));
}

void usage_check_destroy(struct usage_check *check) {
    struct map_entry *item;

    if (check == NULL) {
        return;
    }
    for (size_t at = 0; (item = map_next(&check->accounts, &at)) != NULL;) {
        free(item->value);
    }
    for (size_t i = 0; i < check->problem_count; i++) {
        free(check->problems[i]);
    }
    free(check->problems);
    map_finish(&check->accounts);
    resource_names_finish(&check->names);
    free(check);
}

static void note_problem(struct usage_check *check, char *text) {
    check->problems = mem_grow(check->problems, check->problem_count + 1, sizeof *check->problems);
    check->problems[check->problem_count++] = text;
}

static struct account *account_of(struct usage_check *check, const char *name) {
    struct account *account = map_get(&check->accounts, name);

    if (account == NULL) {
        account = mem_alloc(1, sizeof *account);
        (void)map_put(&check->accounts, name, account);
    }
    return account;
}

static void add_amounts(struct account *account, const struct fact_usage *usage, size_t first,
                        size_t kinds) {
    const double scale = first < RESOURCE_FIXED_COUNT ? 1 : EXTENDED_PARTS;

    for (size_t i = 0; i < kinds; i++) {
        account->used[first + i] = fact_amount(usage->amounts, usage->count, kinds, i) / scale;
        account->carried[first + i] =
            fact_amount(usage->carried, usage->carried_count, kinds, i) / scale;
    }
}

void usage_check_add_fact(struct usage_check *check, const struct fact *fact) {
    const struct fact_usage *usage = &fact->value.usage;
    char *name = mem_copy_text(fact->key);
    char *resource = strchr(name, '\t');
    struct account *account;
    size_t kind = 0;

    if (resource != NULL) {
        *resource++ = '\0';
        if (resource_intern(&check->names, resource, &kind) < 0) {
            note_problem(check, mem_format("usage of %s: %s is no resource", name, resource));
            free(name);
            return;
        }
    }
    account = account_of(check, name);
    account->updated_us = usage->updated_us;
    account->since_us = usage->since_us;
    account->half_life_us = (double)usage->half_life_us;
    add_amounts(account, usage, kind, resource != NULL ? 1 : RESOURCE_FIXED_COUNT);
    free(name);
}

static void add_charge(struct account *account, const struct attempt *attempt,
                       const struct resources *amounts) {
    const int64_t to_us = attempt->uncharged_us != 0 ? attempt->uncharged_us : account->updated_us;
    const int64_t from_us =
        attempt->charged_us > account->since_us ? attempt->charged_us : account->since_us;
    const double part = account->half_life_us > 0
                            ? decay_held(from_us, to_us, account->updated_us, account->half_life_us)
                            : 0;

    for (size_t i = 0; i < RESOURCE_KIND_MAX; i++) {
        account->charged[i] += part * (double)amounts->amount[i];
        account->held[i] += (double)amounts->amount[i];
    }
}

void usage_check_add_attempt(struct usage_check *check, const struct job *job,
                             const struct attempt *attempt) {
    struct resources amounts = {{[RESOURCE_CPU] = attempt->cpu_milli,
                                 [RESOURCE_MEMORY] = attempt->memory_bytes,
                                 [RESOURCE_PODS] = attempt->pods}};
    char user[LIMIT_NAME_BYTES + 1];
    struct account *account;
    char *name;

    if (attempt->charged_us == 0) {
        return;
    }
    job_user(job->submitter, user);
    name = mem_format("%s/%s", job->team, user);
    account = map_get(&check->accounts, name);
    if (resources_read(&check->names, attempt->charge, &amounts) < 0) {
        note_problem(check, mem_format("job %" PRIu64 ": its charge can't be read: %s", job->id,
                                       attempt->charge));
    } else if (account != NULL) {
        add_charge(account, attempt, &amounts);
    } else if (attempt->uncharged_us == 0 && strlen(name) <= FACT_KEY_BYTES) {
        /* If it is charged no more, it may be so long ago that nothing is left. */
        note_problem(check, mem_format("usage of %s: there is none, though job %" PRIu64
                                       " is charged to it",
                                       name, job->id));
    }
    free(name);
}

static void tell_account(const struct usage_check *check, const char *name,
                         const struct account *account,
                         void (*problem)(void *context, const char *text), void *context) {
    char text[PROBLEM_BYTES];

    for (size_t i = 0; i < RESOURCE_FIXED_COUNT + check->names.extended_count; i++) {
        const double sum = account->carried[i] + account->charged[i];
        const double most =
            PART_OF_USED * (1 + fabs(account->used[i])) + PART_OF_HELD * account->held[i];

        if (fabs(account->used[i] - sum) > most) {
            (void)snprintf(text, sizeof text,
                           "usage of %s: %s is %.6f, by what was charged it would be %.6f", name,
                           resource_name(&check->names, i), account->used[i], sum);
            problem(context, text);
        }
    }
}

void usage_check_tell(const struct usage_check *check,
                      void (*problem)(void *context, const char *text), void *context) {
    const struct map_entry *item;

    for (size_t i = 0; i < check->problem_count; i++) {
        problem(context, check->problems[i]);
    }
    for (size_t at = 0; (item = map_next(&check->accounts, &at)) != NULL;) {
        const struct account *account = item->value;

        if (account->half_life_us > 0) {
            tell_account(check, item->text, account, problem, context);
        }
    }
}
