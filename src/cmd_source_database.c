/* rowstream source check and remove: what the database itself says, where a library for it was
 * built in. */
#include "cmd_source.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "database.h"

/* --- check --- */

#define FACTS 8

/* The one row of a query, as texts of its own; "" where there is none. */
struct facts {
	char *cells[FACTS];
	int count; /* that are wanted */
	bool found;
};

static void take_facts(void *user, const char *const *cells)
{
	struct facts *facts = user;
	int i;

	for (i = 0; i < facts->count; i++) {
		free(facts->cells[i]);
		facts->cells[i] = xstrdup(cells[i] ? cells[i] : "");
	}
	facts->found = true;
}

static void clear_facts(struct facts *facts)
{
	int i;

	for (i = 0; i < facts->count; i++)
		free(facts->cells[i]);
}

static bool ask(
	struct source *source, struct database *database, const char *sql, struct facts *facts)
{
	struct error error = {0};

	if (!database_query(database, sql, take_facts, facts, &error))
		findings_warn(
			&source->findings, "database", "it does not tell all: %s", error.text);
	else if (facts->found)
		return true;
	return false;
}

static void check_slots(struct source *source, struct database *database)
{
	struct facts facts = {.count = 4};

	if (ask(source, database,
		    "SELECT current_setting('max_replication_slots'),"
		    " (SELECT count(*) FROM pg_catalog.pg_replication_slots),"
		    " current_setting('max_replication_slots')::int <="
		    " (SELECT count(*) FROM pg_catalog.pg_replication_slots),"
		    " (SELECT string_agg(slot_name, ', ') FROM pg_catalog.pg_replication_slots"
		    " WHERE NOT active)",
		    &facts)) {
		if (strcmp(facts.cells[2], "t") == 0)
			findings_fail(&source->findings, EXIT_REFUSED, "database",
				"all %s replication slots are in use; drop those that nobody reads "
				"(not read now: %s), or raise max_replication_slots",
				facts.cells[0], facts.cells[3]);
		else
			findings_ok(&source->findings, "database",
				"%s of %s replication slots in use", facts.cells[1],
				facts.cells[0]);
	}
	clear_facts(&facts);
}

/* Its own slot may be there already, in another database of the same server too. */
static void check_slot(struct source *source, struct database *database)
{
	const char *slot = connector_get(&source->properties, "slot.name");
	struct facts facts = {.count = 3};
	struct strbuf sql = {0};

	strbuf_add_text(&sql, "SELECT active, database = current_database(), plugin FROM "
			      "pg_catalog.pg_replication_slots WHERE slot_name = ");
	database_add_literal(database, &sql, slot ? slot : "");
	if (!ask(source, database, sql.data, &facts))
		check_slots(source, database);
	else if (strcmp(facts.cells[1], "t") != 0)
		findings_fail(&source->findings, EXIT_REFUSED, "database",
			"the slot '%s' belongs to another database of this server: take another "
			"slot.name",
			slot);
	else if (source->is_missing && strcmp(facts.cells[0], "t") == 0)
		/* Connect would say RUNNING, and the task try again and again. */
		findings_fail(&source->findings, EXIT_REFUSED, "database",
			"another connector reads the slot '%s': take another slot.name, or remove "
			"that one",
			slot);
	else
		findings_ok(&source->findings, "database", "the slot '%s' is there, %s", slot,
			strcmp(facts.cells[0], "t") == 0 ? "and somebody reads it"
							 : "and nobody reads it now");
	strbuf_clear(&sql);
	clear_facts(&facts);
}

static void check_publication(struct source *source, struct database *database)
{
	const char *name = connector_get(&source->properties, "publication.name");
	const char *mode = connector_get(&source->properties, "publication.autocreate.mode");
	struct facts facts = {.count = 3};
	struct strbuf sql = {0};

	strbuf_add_text(
		&sql, "SELECT EXISTS (SELECT FROM pg_catalog.pg_publication WHERE pubname = ");
	database_add_literal(database, &sql, name ? name : "");
	strbuf_add_text(&sql, "), has_database_privilege(current_database(), 'CREATE'),"
			      " current_setting('is_superuser')");
	if (ask(source, database, sql.data, &facts)) {
		bool there = strcmp(facts.cells[0], "t") == 0;
		bool may = strcmp(facts.cells[1], "t") == 0;
		bool makes_none = mode && strcmp(mode, "disabled") == 0;

		if (there)
			findings_ok(&source->findings, "database", "the publication '%s' is there",
				name);
		else if (makes_none)
			findings_fail(&source->findings, EXIT_REFUSED, "database",
				"the publication '%s' is not there, and "
				"publication.autocreate.mode is disabled; CREATE PUBLICATION "
				"\"%s\" "
				"FOR TABLE …",
				name, name);
		else if (!may)
			findings_fail(&source->findings, EXIT_REFUSED, "database",
				"this user may not create the publication '%s'; GRANT CREATE ON "
				"DATABASE … to it, or create the publication as the tables' owner "
				"and set publication.autocreate.mode to disabled",
				name);
		else if (strcmp(facts.cells[2], "on") != 0)
			findings_ok(&source->findings, "database",
				"this user may create the publication '%s', of tables that it owns",
				name);
	}
	strbuf_clear(&sql);
	clear_facts(&facts);
}

static void check_postgresql(struct source *source, struct database *database)
{
	struct facts facts = {.count = 4};

	if (ask(source, database,
		    "SELECT current_setting('wal_level'), rolreplication OR rolsuper OR EXISTS"
		    " (SELECT FROM pg_catalog.pg_roles r WHERE r.rolname = 'rds_replication'"
		    " AND pg_has_role(current_user, r.oid, 'MEMBER')), current_user,"
		    " current_setting('server_version') FROM pg_catalog.pg_roles"
		    " WHERE rolname = current_user",
		    &facts)) {
		findings_ok(&source->findings, "database", "PostgreSQL %s answers '%s'",
			facts.cells[3], facts.cells[2]);
		if (strcmp(facts.cells[0], "logical") != 0)
			findings_fail(&source->findings, EXIT_REFUSED, "database",
				"wal_level is %s; ALTER SYSTEM SET wal_level = 'logical', then "
				"restart PostgreSQL",
				facts.cells[0]);
		if (strcmp(facts.cells[1], "t") != 0)
			findings_fail(&source->findings, EXIT_REFUSED, "database",
				"'%s' may not replicate; ALTER ROLE \"%s\" REPLICATION",
				facts.cells[2], facts.cells[2]);
	}
	clear_facts(&facts);
	check_slot(source, database);
	check_publication(source, database);
}

/* SHOW GRANTS has a row for each level; those of *.* are what replication needs. */
struct grants {
	bool all, replicates, monitors, reads, reloads;
};

static void add_grant(void *user, const char *const *cells)
{
	struct grants *grants = user;
	const char *text = cells[0] ? cells[0] : "";

	grants->reads |= strstr(text, "SELECT") != NULL;
	if (!strstr(text, " ON *.* "))
		return;
	grants->all |= strstr(text, "ALL PRIVILEGES") != NULL;
	grants->replicates |=
		strstr(text, "REPLICATION SLAVE") != NULL &&
		strstr(text, "REPLICATION SLAVE ADMIN") != strstr(text, "REPLICATION SLAVE");
	grants->monitors |= strstr(text, "REPLICATION CLIENT") || strstr(text, "BINLOG MONITOR");
	grants->reloads |= strstr(text, "RELOAD") != NULL;
}

static void check_grants(struct source *source, struct database *database)
{
	struct grants grants = {0};
	struct strbuf lacking = {0};
	struct error error = {0};

	if (!database_query(database, "SHOW GRANTS", add_grant, &grants, &error)) {
		findings_warn(&source->findings, "database", "SHOW GRANTS: %s", error.text);
		return;
	}
	if (grants.all ||
		(grants.replicates && grants.monitors && grants.reads && grants.reloads)) {
		findings_ok(&source->findings, "database", "this user may replicate and read");
		return;
	}
	if (!grants.replicates)
		strbuf_add_text(&lacking, ", REPLICATION SLAVE");
	if (!grants.monitors)
		strbuf_add_text(&lacking, ", REPLICATION CLIENT");
	if (!grants.reads)
		strbuf_add_text(&lacking, ", SELECT");
	if (!grants.reloads)
		strbuf_add_text(&lacking, ", RELOAD");
	/* Roles may hold what is missing. */
	findings_warn(&source->findings, "database",
		"this user's own rights lack %s; GRANT SELECT, RELOAD, SHOW DATABASES, LOCK "
		"TABLES, REPLICATION SLAVE, REPLICATION CLIENT ON *.* to it, unless a role has "
		"them",
		lacking.data + strlen(", "));
	strbuf_clear(&lacking);
}

static void check_binlog_settings(struct source *source, const struct facts *facts)
{
	const char *server_id = connector_get(&source->properties, "database.server.id");

	if (strcmp(facts->cells[1], "1") != 0)
		findings_fail(&source->findings, EXIT_REFUSED, "database",
			"it writes no binlog; set log_bin and server_id in the server's file and "
			"restart it");
	if (strcasecmp(facts->cells[2], "ROW") != 0)
		findings_fail(&source->findings, EXIT_REFUSED, "database",
			"binlog_format is %s; SET GLOBAL binlog_format = 'ROW', and in the "
			"server's file for its next start",
			facts->cells[2]);
	if (strcasecmp(facts->cells[3], "FULL") != 0)
		findings_fail(&source->findings, EXIT_REFUSED, "database",
			"binlog_row_image is %s; SET GLOBAL binlog_row_image = 'FULL', and in the "
			"server's file for its next start",
			facts->cells[3]);
	if (server_id && strcmp(facts->cells[4], server_id) == 0)
		findings_fail(&source->findings, EXIT_REFUSED, "database",
			"database.server.id is %s, which is the server's own: set another number",
			server_id);
}

static void check_binlog(struct source *source, struct database *database)
{
	struct facts facts = {.count = 6};

	if (ask(source, database,
		    "SELECT VERSION(), @@GLOBAL.log_bin, @@GLOBAL.binlog_format,"
		    " @@GLOBAL.binlog_row_image, @@GLOBAL.server_id, CURRENT_USER()",
		    &facts)) {
		findings_ok(&source->findings, "database", "version %s answers %s", facts.cells[0],
			facts.cells[5]);
		check_binlog_settings(source, &facts);
	}
	clear_facts(&facts);
	check_grants(source, database);
}

/* "${file:…}" is replaced by the worker's config provider; NULL: all is said here. */
static const char *reference_in(const struct connector_properties *properties)
{
	static const char *const names[] = {"database.hostname", "database.port", "database.user",
		"database.password", "database.dbname"};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *value = connector_get(properties, names[i]);

		if (value && strstr(value, "${"))
			return names[i];
	}
	return NULL;
}

/* The worker may reach what we cannot, so that is no failure. */
void source_check_database(struct source *source)
{
	struct database_address address;
	const char *class_name = connector_get(&source->properties, "connector.class");
	const char *reference = reference_in(&source->properties);
	struct database *database;
	struct error error = {0};

	if (!database_is_built_in(connector_kind_of(class_name ? class_name : "")))
		return;
	if (reference) {
		findings_warn(&source->findings, "database",
			"not asked for what Connect does not look at: only the worker knows what "
			"%s is",
			reference);
		return;
	}
	if (!database_address_of_connector(&address, &source->properties))
		return;
	database = database_open(&address, &error);
	if (!database)
		findings_warn(&source->findings, "database",
			"cannot be asked from here for what Connect does not look at: %s",
			error.text);
	else if (address.kind == CONNECTOR_POSTGRESQL)
		check_postgresql(source, database);
	else
		check_binlog(source, database);
	database_close(database);
	database_address_clear(&address);
}

/* --- remove --- */

static bool run(struct database *database, const char *before, const char *name, const char *behind,
	struct error *error)
{
	struct strbuf sql = {0};
	bool ok;

	strbuf_add_text(&sql, before);
	database_add_literal(database, &sql, name);
	strbuf_add_text(&sql, behind);
	ok = database_query(database, sql.data, NULL, NULL, error);
	strbuf_clear(&sql);
	return ok;
}

/* DROP PUBLICATION takes no literal: the server puts the name in, as an identifier. */
static bool drop(
	struct database *database, const char *slot, const char *publication, struct error *error)
{
	return run(database,
		       "SELECT pg_catalog.pg_drop_replication_slot(slot_name) FROM "
		       "pg_catalog.pg_replication_slots WHERE slot_name = ",
		       slot, "", error) &&
	       run(database,
		       "DO $rowstream$ BEGIN EXECUTE format('DROP PUBLICATION IF EXISTS %I', ",
		       publication, "); END $rowstream$", error);
}

void source_drop_slot(struct source *source, const struct connector_properties *properties,
	const char *slot, const char *publication)
{
	struct database_address address;
	struct database *database = NULL;
	struct error error = {0};

	if (database_address_of_connector(&address, properties))
		database = database_open(&address, &error);
	if (database && drop(database, slot, publication, &error))
		findings_ok(&source->findings, "database",
			"the slot '%s' and the publication '%s' are dropped", slot, publication);
	else
		findings_fail(&source->findings, EXIT_REFUSED, "database",
			"the slot '%s' or the publication '%s' cannot be dropped: %s", slot,
			publication, error.text[0] ? error.text : "no address of the database");
	database_close(database);
	database_address_clear(&address);
}
