-- select_fingerprint --
-- One row per preserved fact: (catalog, key, identity, facts). Preserved is everything but the contents of `doomed` schemas;
-- of `emptied` relations everything but their storage. Two readings in one REPEATABLE READ transaction prove preservation:
-- a row of the first that is missing or different in the second is a broken promise. Compare by key, never by identity:
-- identities are resolved through the syscache, which is not MVCC. Of `kept` relations inside doomed schemas everything counts;
-- rows written to `written` tables (positions) are checked elsewhere, by value.
WITH
 emptied AS MATERIALIZED (
   SELECT oid FROM pg_catalog.unnest(%(emptied)s::oid[]) AS e (oid)
   UNION SELECT d.objid FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_class s ON s.oid = d.objid AND s.relkind = 'S'
    WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
      AND d.refobjid = ANY (%(emptied)s::oid[]) AND d.deptype IN ('a','i')),
 doomednsp AS MATERIALIZED (SELECT oid, nspname FROM pg_catalog.pg_namespace WHERE nspname = ANY (%(doomed)s::pg_catalog.name[])),
 extmember AS MATERIALIZED (SELECT classid, objid FROM pg_catalog.pg_depend WHERE deptype = 'e' AND objid >= 16384),
 keptnsp AS MATERIALIZED (SELECT oid, nspname FROM pg_catalog.pg_namespace n WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' AND nspname <> %(own)s AND oid NOT IN (SELECT oid FROM doomednsp)),
 keptrel AS MATERIALIZED (
   SELECT c.oid, n.nspname, c.relname, c.relkind FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relnamespace IN (SELECT oid FROM keptnsp)
       OR c.oid = ANY (%(kept)s::oid[])
       OR c.relkind = 'S' AND EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid
            AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = ANY (%(kept)s::oid[]) AND d.deptype IN ('a','i'))
       OR c.relkind = 'i' AND EXISTS (SELECT FROM pg_catalog.pg_index x WHERE x.indexrelid = c.oid AND x.indrelid = ANY (%(kept)s::oid[]))
       OR c.oid IN (SELECT objid FROM extmember WHERE classid = 'pg_catalog.pg_class'::pg_catalog.regclass)
       OR c.relkind = 'i' AND EXISTS (SELECT FROM pg_catalog.pg_index x JOIN extmember m ON m.classid='pg_catalog.pg_class'::pg_catalog.regclass AND m.objid=x.indrelid WHERE x.indexrelid=c.oid)),
 kepttype AS MATERIALIZED (
   SELECT oid FROM pg_catalog.pg_type t WHERE typnamespace IN (SELECT oid FROM keptnsp)
       OR oid IN (SELECT objid FROM extmember WHERE classid = 'pg_catalog.pg_type'::pg_catalog.regclass)),
 doomedobj AS MATERIALIZED (  -- direct, non-extension contents of the doomed schemas plus their sub-objects: only to tell whose comments do not count
   SELECT d.classid, d.objid FROM pg_catalog.pg_depend d WHERE d.refclassid='pg_catalog.pg_namespace'::pg_catalog.regclass AND d.refobjid IN (SELECT oid FROM doomednsp)
      AND NOT EXISTS (SELECT FROM extmember m WHERE m.classid=d.classid AND m.objid=d.objid) AND d.classid <> 'pg_catalog.pg_extension'::pg_catalog.regclass
   UNION SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, oid FROM pg_catalog.pg_class WHERE relnamespace IN (SELECT oid FROM doomednsp) AND oid <> ALL (%(kept)s::oid[])
   UNION SELECT 'pg_catalog.pg_type'::pg_catalog.regclass, t.oid FROM pg_catalog.pg_type t WHERE typnamespace IN (SELECT oid FROM doomednsp) AND oid NOT IN (SELECT oid FROM kepttype)
   UNION SELECT 'pg_catalog.pg_constraint'::pg_catalog.regclass, c.oid FROM pg_catalog.pg_constraint c WHERE connamespace IN (SELECT oid FROM doomednsp)
   UNION SELECT 'pg_catalog.pg_trigger'::pg_catalog.regclass, t.oid FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid=tgrelid WHERE relnamespace IN (SELECT oid FROM doomednsp)
   UNION SELECT 'pg_catalog.pg_policy'::pg_catalog.regclass, t.oid FROM pg_catalog.pg_policy t JOIN pg_catalog.pg_class c ON c.oid=polrelid WHERE relnamespace IN (SELECT oid FROM doomednsp)
   UNION SELECT 'pg_catalog.pg_rewrite'::pg_catalog.regclass, t.oid FROM pg_catalog.pg_rewrite t JOIN pg_catalog.pg_class c ON c.oid=ev_class WHERE relnamespace IN (SELECT oid FROM doomednsp)),
 facts(catalog, key, identity, facts) AS (
  SELECT 'pg_class'::text, t.oid::text, (SELECT i.type||' '||i.identity FROM pg_catalog.pg_identify_object('pg_catalog.pg_class'::pg_catalog.regclass, t.oid, 0) i), ((pg_catalog.to_jsonb(t) - '{relpages,reltuples,relallvisible,relallfrozen,relfrozenxid,relminmxid,relhasindex,relhasrules,relhastriggers,relhassubclass,relfilenode}'::pg_catalog.text[]) || pg_catalog.jsonb_build_object('relfilenode', CASE WHEN t.relkind IN ('r','m','S') AND t.oid NOT IN (SELECT oid FROM emptied) THEN t.relfilenode END, 'reltoastrelid', CASE WHEN t.oid NOT IN (SELECT oid FROM emptied) THEN t.reltoastrelid END))::text FROM pg_catalog.pg_class t WHERE t.oid IN (SELECT oid FROM keptrel)
  UNION ALL
  SELECT 'pg_attribute'::text, t.attrelid||'/'||t.attnum, 'column '||t.attnum||' '||t.attname||' of '||k.nspname||'.'||k.relname, (pg_catalog.to_jsonb(t) - '{attcacheoff,attmissingval}'::pg_catalog.text[])::text FROM pg_catalog.pg_attribute t JOIN keptrel k ON k.oid = t.attrelid WHERE t.attnum > 0 AND k.relkind NOT IN ('i','I','S')
  UNION ALL
  SELECT 'pg_attrdef'::text, t.adrelid||'/'||t.adnum, 'default of column '||t.adnum||' of '||k.nspname||'.'||k.relname, (pg_catalog.to_jsonb(t) - '{oid}'::pg_catalog.text[])::text FROM pg_catalog.pg_attrdef t JOIN keptrel k ON k.oid = t.adrelid
  UNION ALL
  SELECT 'pg_index'::text, t.indexrelid::text, 'index properties '||k.nspname||'.'||k.relname, (pg_catalog.to_jsonb(t) - '{indcheckxmin}'::pg_catalog.text[])::text FROM pg_catalog.pg_index t JOIN keptrel k ON k.oid = t.indexrelid
  UNION ALL
  SELECT 'pg_sequence'::text, t.seqrelid::text, 'sequence properties '||k.nspname||'.'||k.relname, pg_catalog.to_jsonb(t)::text FROM pg_catalog.pg_sequence t JOIN keptrel k ON k.oid = t.seqrelid
  UNION ALL
  SELECT 'pg_constraint'::text, t.oid::text, (SELECT i.type||' '||i.identity FROM pg_catalog.pg_identify_object('pg_catalog.pg_constraint'::pg_catalog.regclass, t.oid, 0) i), pg_catalog.to_jsonb(t)::text FROM pg_catalog.pg_constraint t WHERE t.conrelid IN (SELECT oid FROM keptrel) OR t.contypid IN (SELECT oid FROM kepttype)
  UNION ALL
  SELECT 'pg_trigger'::text, t.oid::text, (SELECT i.type||' '||i.identity FROM pg_catalog.pg_identify_object('pg_catalog.pg_trigger'::pg_catalog.regclass, t.oid, 0) i), pg_catalog.to_jsonb(t)::text FROM pg_catalog.pg_trigger t WHERE t.tgrelid IN (SELECT oid FROM keptrel) AND (NOT t.tgisinternal OR EXISTS (SELECT FROM pg_catalog.pg_constraint c WHERE c.oid=t.tgconstraint AND c.conrelid IN (SELECT oid FROM keptrel)))
  UNION ALL
  SELECT 'pg_policy'::text, t.oid::text, (SELECT i.type||' '||i.identity FROM pg_catalog.pg_identify_object('pg_catalog.pg_policy'::pg_catalog.regclass, t.oid, 0) i), pg_catalog.to_jsonb(t)::text FROM pg_catalog.pg_policy t WHERE t.polrelid IN (SELECT oid FROM keptrel)
  UNION ALL
  SELECT 'pg_rewrite'::text, t.oid::text, (SELECT i.type||' '||i.identity FROM pg_catalog.pg_identify_object('pg_catalog.pg_rewrite'::pg_catalog.regclass, t.oid, 0) i), pg_catalog.to_jsonb(t)::text FROM pg_catalog.pg_rewrite t WHERE t.ev_class IN (SELECT oid FROM keptrel)
  UNION ALL
  SELECT 'pg_partitioned_table'::text, t.partrelid::text, 'partition key of '||k.nspname||'.'||k.relname, pg_catalog.to_jsonb(t)::text FROM pg_catalog.pg_partitioned_table t JOIN keptrel k ON k.oid = t.partrelid
  UNION ALL
  SELECT 'pg_foreign_table'::text, t.ftrelid::text, 'foreign table options '||k.nspname||'.'||k.relname, pg_catalog.to_jsonb(t)::text FROM pg_catalog.pg_foreign_table t JOIN keptrel k ON k.oid = t.ftrelid
  UNION ALL
  SELECT 'pg_inherits'::text, t.inhrelid||'<'||t.inhparent, 'inheritance '||t.inhrelid::pg_catalog.regclass||' < '||t.inhparent::pg_catalog.regclass, pg_catalog.to_jsonb(t)::text FROM pg_catalog.pg_inherits t WHERE t.inhrelid IN (SELECT oid FROM keptrel) OR t.inhparent IN (SELECT oid FROM keptrel WHERE oid NOT IN (SELECT oid FROM emptied))
  UNION ALL
  SELECT 'pg_type'::text, t.oid::text, (SELECT i.type||' '||i.identity FROM pg_catalog.pg_identify_object('pg_catalog.pg_type'::pg_catalog.regclass, t.oid, 0) i), pg_catalog.to_jsonb(t)::text FROM pg_catalog.pg_type t WHERE t.oid IN (SELECT oid FROM kepttype)
  UNION ALL
  SELECT 'pg_enum'::text, t.oid::text, 'enum label '||t.enumlabel||' of '||t.enumtypid::pg_catalog.regtype, pg_catalog.to_jsonb(t)::text FROM pg_catalog.pg_enum t WHERE t.enumtypid IN (SELECT oid FROM kepttype)
  UNION ALL
  SELECT 'pg_range'::text, t.rngtypid::text, 'range '||t.rngtypid::pg_catalog.regtype, pg_catalog.to_jsonb(t)::text FROM pg_catalog.pg_range t WHERE t.rngtypid IN (SELECT oid FROM kepttype)
  UNION ALL
  SELECT 'pg_proc'::text, t.oid::text, (SELECT i.type||' '||i.identity FROM pg_catalog.pg_identify_object('pg_catalog.pg_proc'::pg_catalog.regclass, t.oid, 0) i), pg_catalog.to_jsonb(t)::text FROM pg_catalog.pg_proc t WHERE t.oid >= 16384 AND (t.pronamespace IN (SELECT oid FROM keptnsp) OR t.oid IN (SELECT objid FROM extmember WHERE classid='pg_catalog.pg_proc'::pg_catalog.regclass))
  UNION ALL
  SELECT 'pg_operator'::text, t.oid::text, (SELECT i.type||' '||i.identity FROM pg_catalog.pg_identify_object('pg_catalog.pg_operator'::pg_catalog.regclass, t.oid, 0) i), pg_catalog.to_jsonb(t)::text FROM pg_catalog.pg_operator t WHERE t.oid >= 16384 AND (t.oprnamespace IN (SELECT oid FROM keptnsp) OR t.oid IN (SELECT objid FROM extmember WHERE classid='pg_catalog.pg_operator'::pg_catalog.regclass))
  UNION ALL
  SELECT 'pg_opclass'::text, t.oid::text, (SELECT i.type||' '||i.identity FROM pg_catalog.pg_identify_object('pg_catalog.pg_opclass'::pg_catalog.regclass, t.oid, 0) i), pg_catalog.to_jsonb(t)::text FROM pg_catalog.pg_opclass t WHERE t.oid >= 16384 AND (t.opcnamespace IN (SELECT oid FROM keptnsp) OR t.oid IN (SELECT objid FROM extmember WHERE classid='pg_catalog.pg_opclass'::pg_catalog.regclass))
  UNION ALL
  SELECT 'pg_opfamily'::text, t.oid::text, (SELECT i.type||' '||i.identity FROM pg_catalog.pg_identify_object('pg_catalog.pg_opfamily'::pg_catalog.regclass, t.oid, 0) i), pg_catalog.to_jsonb(t)::text FROM pg_catalog.pg_opfamily t WHERE t.oid >= 16384 AND (t.opfnamespace IN (SELECT oid FROM keptnsp) OR t.oid IN (SELECT objid FROM extmember WHERE classid='pg_catalog.pg_opfamily'::pg_catalog.regclass))
  UNION ALL
  SELECT 'pg_collation'::text, t.oid::text, (SELECT i.type||' '||i.identity FROM pg_catalog.pg_identify_object('pg_catalog.pg_collation'::pg_catalog.regclass, t.oid, 0) i), pg_catalog.to_jsonb(t)::text FROM pg_catalog.pg_collation t WHERE t.oid >= 16384 AND (t.collnamespace IN (SELECT oid FROM keptnsp) OR t.oid IN (SELECT objid FROM extmember WHERE classid='pg_catalog.pg_collation'::pg_catalog.regclass))
  UNION ALL
  SELECT 'pg_conversion'::text, t.oid::text, (SELECT i.type||' '||i.identity FROM pg_catalog.pg_identify_object('pg_catalog.pg_conversion'::pg_catalog.regclass, t.oid, 0) i), pg_catalog.to_jsonb(t)::text FROM pg_catalog.pg_conversion t WHERE t.oid >= 16384 AND (t.connamespace IN (SELECT oid FROM keptnsp) OR t.oid IN (SELECT objid FROM extmember WHERE classid='pg_catalog.pg_conversion'::pg_catalog.regclass))
  UNION ALL
  SELECT 'pg_ts_config'::text, t.oid::text, (SELECT i.type||' '||i.identity FROM pg_catalog.pg_identify_object('pg_catalog.pg_ts_config'::pg_catalog.regclass, t.oid, 0) i), pg_catalog.to_jsonb(t)::text FROM pg_catalog.pg_ts_config t WHERE t.oid >= 16384 AND (t.cfgnamespace IN (SELECT oid FROM keptnsp) OR t.oid IN (SELECT objid FROM extmember WHERE classid='pg_catalog.pg_ts_config'::pg_catalog.regclass))
  UNION ALL
  SELECT 'pg_ts_dict'::text, t.oid::text, (SELECT i.type||' '||i.identity FROM pg_catalog.pg_identify_object('pg_catalog.pg_ts_dict'::pg_catalog.regclass, t.oid, 0) i), pg_catalog.to_jsonb(t)::text FROM pg_catalog.pg_ts_dict t WHERE t.oid >= 16384 AND (t.dictnamespace IN (SELECT oid FROM keptnsp) OR t.oid IN (SELECT objid FROM extmember WHERE classid='pg_catalog.pg_ts_dict'::pg_catalog.regclass))
  UNION ALL
  SELECT 'pg_ts_parser'::text, t.oid::text, (SELECT i.type||' '||i.identity FROM pg_catalog.pg_identify_object('pg_catalog.pg_ts_parser'::pg_catalog.regclass, t.oid, 0) i), pg_catalog.to_jsonb(t)::text FROM pg_catalog.pg_ts_parser t WHERE t.oid >= 16384 AND (t.prsnamespace IN (SELECT oid FROM keptnsp) OR t.oid IN (SELECT objid FROM extmember WHERE classid='pg_catalog.pg_ts_parser'::pg_catalog.regclass))
  UNION ALL
  SELECT 'pg_ts_template'::text, t.oid::text, (SELECT i.type||' '||i.identity FROM pg_catalog.pg_identify_object('pg_catalog.pg_ts_template'::pg_catalog.regclass, t.oid, 0) i), pg_catalog.to_jsonb(t)::text FROM pg_catalog.pg_ts_template t WHERE t.oid >= 16384 AND (t.tmplnamespace IN (SELECT oid FROM keptnsp) OR t.oid IN (SELECT objid FROM extmember WHERE classid='pg_catalog.pg_ts_template'::pg_catalog.regclass))
  UNION ALL
  SELECT 'pg_statistic_ext'::text, t.oid::text, (SELECT i.type||' '||i.identity FROM pg_catalog.pg_identify_object('pg_catalog.pg_statistic_ext'::pg_catalog.regclass, t.oid, 0) i), pg_catalog.to_jsonb(t)::text FROM pg_catalog.pg_statistic_ext t WHERE t.oid >= 16384 AND (t.stxnamespace IN (SELECT oid FROM keptnsp) OR t.oid IN (SELECT objid FROM extmember WHERE classid='pg_catalog.pg_statistic_ext'::pg_catalog.regclass))
  UNION ALL
  SELECT 'pg_amop'::text, t.oid::text, (SELECT i.type||' '||i.identity FROM pg_catalog.pg_identify_object('pg_catalog.pg_amop'::pg_catalog.regclass, t.oid, 0) i), pg_catalog.to_jsonb(t)::text FROM pg_catalog.pg_amop t WHERE t.oid >= 16384 AND EXISTS (SELECT FROM pg_catalog.pg_opfamily f WHERE f.oid=t.amopfamily AND (f.opfnamespace IN (SELECT oid FROM keptnsp) OR f.oid IN (SELECT objid FROM extmember WHERE classid='pg_catalog.pg_opfamily'::pg_catalog.regclass)))
  UNION ALL
  SELECT 'pg_amproc'::text, t.oid::text, (SELECT i.type||' '||i.identity FROM pg_catalog.pg_identify_object('pg_catalog.pg_amproc'::pg_catalog.regclass, t.oid, 0) i), pg_catalog.to_jsonb(t)::text FROM pg_catalog.pg_amproc t WHERE t.oid >= 16384 AND EXISTS (SELECT FROM pg_catalog.pg_opfamily f WHERE f.oid=t.amprocfamily AND (f.opfnamespace IN (SELECT oid FROM keptnsp) OR f.oid IN (SELECT objid FROM extmember WHERE classid='pg_catalog.pg_opfamily'::pg_catalog.regclass)))
  UNION ALL
  SELECT 'pg_ts_config_map'::text, t.mapcfg||'/'||t.maptokentype||'/'||t.mapseqno, 'ts mapping '||t.mapcfg::pg_catalog.regconfig||' '||t.maptokentype||'/'||t.mapseqno, pg_catalog.to_jsonb(t)::text FROM pg_catalog.pg_ts_config_map t WHERE EXISTS (SELECT FROM pg_catalog.pg_ts_config c WHERE c.oid=t.mapcfg AND c.oid>=16384 AND c.cfgnamespace IN (SELECT oid FROM keptnsp))
  UNION ALL
  SELECT 'pg_cast'::text, t.oid::text, (SELECT i.type||' '||i.identity FROM pg_catalog.pg_identify_object('pg_catalog.pg_cast'::pg_catalog.regclass, t.oid, 0) i), pg_catalog.to_jsonb(t)::text FROM pg_catalog.pg_cast t WHERE t.oid >= 16384 AND (NOT EXISTS (SELECT FROM doomedobj x WHERE x.classid='pg_catalog.pg_type'::pg_catalog.regclass AND x.objid IN (t.castsource,t.casttarget)) OR EXISTS (SELECT FROM pg_catalog.pg_proc f WHERE f.oid=t.castfunc AND f.oid>=16384 AND f.pronamespace IN (SELECT oid FROM keptnsp)))
  UNION ALL
  SELECT 'pg_transform'::text, t.oid::text, (SELECT i.type||' '||i.identity FROM pg_catalog.pg_identify_object('pg_catalog.pg_transform'::pg_catalog.regclass, t.oid, 0) i), pg_catalog.to_jsonb(t)::text FROM pg_catalog.pg_transform t WHERE t.oid >= 16384
  UNION ALL
  SELECT 'pg_language'::text, t.oid::text, (SELECT i.type||' '||i.identity FROM pg_catalog.pg_identify_object('pg_catalog.pg_language'::pg_catalog.regclass, t.oid, 0) i), pg_catalog.to_jsonb(t)::text FROM pg_catalog.pg_language t
  UNION ALL
  SELECT 'pg_am'::text, t.oid::text, (SELECT i.type||' '||i.identity FROM pg_catalog.pg_identify_object('pg_catalog.pg_am'::pg_catalog.regclass, t.oid, 0) i), pg_catalog.to_jsonb(t)::text FROM pg_catalog.pg_am t WHERE t.oid >= 16384
  UNION ALL
  SELECT 'pg_foreign_data_wrapper'::text, t.oid::text, (SELECT i.type||' '||i.identity FROM pg_catalog.pg_identify_object('pg_catalog.pg_foreign_data_wrapper'::pg_catalog.regclass, t.oid, 0) i), pg_catalog.to_jsonb(t)::text FROM pg_catalog.pg_foreign_data_wrapper t WHERE t.oid >= 16384
  UNION ALL
  SELECT 'pg_foreign_server'::text, t.oid::text, (SELECT i.type||' '||i.identity FROM pg_catalog.pg_identify_object('pg_catalog.pg_foreign_server'::pg_catalog.regclass, t.oid, 0) i), pg_catalog.to_jsonb(t)::text FROM pg_catalog.pg_foreign_server t WHERE t.oid >= 16384
  UNION ALL
  SELECT 'pg_event_trigger'::text, t.oid::text, (SELECT i.type||' '||i.identity FROM pg_catalog.pg_identify_object('pg_catalog.pg_event_trigger'::pg_catalog.regclass, t.oid, 0) i), pg_catalog.to_jsonb(t)::text FROM pg_catalog.pg_event_trigger t
  UNION ALL
  SELECT 'pg_extension'::text, t.oid::text, (SELECT i.type||' '||i.identity FROM pg_catalog.pg_identify_object('pg_catalog.pg_extension'::pg_catalog.regclass, t.oid, 0) i), pg_catalog.to_jsonb(t)::text FROM pg_catalog.pg_extension t
  UNION ALL
  SELECT 'pg_publication'::text, t.oid::text, (SELECT i.type||' '||i.identity FROM pg_catalog.pg_identify_object('pg_catalog.pg_publication'::pg_catalog.regclass, t.oid, 0) i), pg_catalog.to_jsonb(t)::text FROM pg_catalog.pg_publication t
  UNION ALL
  SELECT 'pg_default_acl'::text, t.oid::text, (SELECT i.type||' '||i.identity FROM pg_catalog.pg_identify_object('pg_catalog.pg_default_acl'::pg_catalog.regclass, t.oid, 0) i), pg_catalog.to_jsonb(t)::text FROM pg_catalog.pg_default_acl t
  UNION ALL
  SELECT 'pg_user_mappings', t.umid::text, 'user mapping '||srvname||'/'||usename, pg_catalog.to_jsonb(t)::text FROM pg_catalog.pg_user_mappings t
  UNION ALL
  SELECT 'pg_namespace', t.oid::text, 'schema '||nspname, pg_catalog.to_jsonb(t)::text FROM pg_catalog.pg_namespace t WHERE nspname !~ '^pg_(temp|toast)'
  UNION ALL
  SELECT 'pg_publication_rel', p.pubname||' '||n.nspname||'.'||c.relname, 'publication '||p.pubname||' member '||n.nspname||'.'||c.relname,
         pg_catalog.concat_ws('|', pg_catalog.pg_get_expr(r.prqual, r.prrelid), (SELECT pg_catalog.string_agg(a.attname, ',' ORDER BY a.attname) FROM pg_catalog.pg_attribute a WHERE a.attrelid = r.prrelid AND a.attnum = ANY (r.prattrs)))
    FROM pg_catalog.pg_publication_rel r JOIN pg_catalog.pg_publication p ON p.oid=r.prpubid JOIN pg_catalog.pg_class c ON c.oid=r.prrelid JOIN pg_catalog.pg_namespace n ON n.oid=c.relnamespace
   WHERE n.oid NOT IN (SELECT oid FROM doomednsp) OR c.oid = ANY (%(kept)s::oid[])
  UNION ALL
  SELECT 'pg_publication_namespace', p.pubname||' '||n.nspname, 'publication '||p.pubname||' schema '||n.nspname, '' FROM pg_catalog.pg_publication_namespace r JOIN pg_catalog.pg_publication p ON p.oid=r.pnpubid JOIN pg_catalog.pg_namespace n ON n.oid=r.pnnspid
  UNION ALL
  SELECT 'pg_subscription', oid::text, 'subscription '||subname, (subowner,subenabled,subslotname,subpublications)::text FROM pg_catalog.pg_subscription WHERE subdbid=(SELECT oid FROM pg_catalog.pg_database WHERE datname=pg_catalog.current_database())
  UNION ALL
  SELECT 'pg_subscription_rel', u.subname||' '||n.nspname||'.'||c.relname, 'subscription '||u.subname||' table '||n.nspname||'.'||c.relname, '' FROM pg_catalog.pg_subscription_rel r JOIN pg_catalog.pg_subscription u ON u.oid=r.srsubid JOIN pg_catalog.pg_class c ON c.oid=r.srrelid JOIN pg_catalog.pg_namespace n ON n.oid=c.relnamespace
  UNION ALL
  SELECT 'pg_largeobject_metadata', oid::text, 'large object '||oid, pg_catalog.to_jsonb(t)::text FROM pg_catalog.pg_largeobject_metadata t
  UNION ALL
  SELECT 'pg_database', oid::text, 'database', (pg_catalog.to_jsonb(t) - '{datfrozenxid,datminmxid,datlastsysoid}'::pg_catalog.text[])::text FROM pg_catalog.pg_database t WHERE datname=pg_catalog.current_database()
  UNION ALL
  SELECT 'pg_db_role_setting', setdatabase||'/'||setrole, 'setting for db '||setdatabase||' role '||setrole, setconfig::text FROM pg_catalog.pg_db_role_setting WHERE setdatabase IN (0,(SELECT oid FROM pg_catalog.pg_database WHERE datname=pg_catalog.current_database()))
  UNION ALL
  SELECT 'pg_depend', d.classid||'/'||d.objid||'/'||d.objsubid||d.deptype::text||e.oid, 'extension member '||(SELECT i.type||' '||i.identity FROM pg_catalog.pg_identify_object(d.classid,d.objid,d.objsubid) i)||' ('||d.deptype::text||') of '||e.extname, '' FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_extension e ON d.refclassid='pg_catalog.pg_extension'::pg_catalog.regclass AND e.oid=d.refobjid WHERE d.deptype IN ('e','x') AND d.objid >= 16384
  UNION ALL
   SELECT 'pg_description', t.classoid||'/'||t.objoid||'/'||t.objsubid, 'comment on '||i.type||' '||i.identity, t.description
    FROM pg_catalog.pg_description t CROSS JOIN LATERAL pg_catalog.pg_identify_object(t.classoid,t.objoid,t.objsubid) i
   WHERE (t.objoid >= 16384 OR t.classoid='pg_catalog.pg_namespace'::pg_catalog.regclass)
     AND NOT EXISTS (SELECT FROM doomedobj x WHERE x.classid=t.classoid AND x.objid=t.objoid)
  UNION ALL
   SELECT 'pg_seclabel', t.classoid||'/'||t.objoid||'/'||t.objsubid||' label '||t.provider, 'label on '||i.type||' '||i.identity||' label '||t.provider, t.label
    FROM pg_catalog.pg_seclabel t CROSS JOIN LATERAL pg_catalog.pg_identify_object(t.classoid,t.objoid,t.objsubid) i
   WHERE (t.objoid >= 16384 OR t.classoid='pg_catalog.pg_namespace'::pg_catalog.regclass)
     AND NOT EXISTS (SELECT FROM doomedobj x WHERE x.classid=t.classoid AND x.objid=t.objoid)
  UNION ALL
  SELECT 'pg_shdescription', '', 'comment on database', description FROM pg_catalog.pg_shdescription WHERE classoid='pg_catalog.pg_database'::pg_catalog.regclass AND objoid=(SELECT oid FROM pg_catalog.pg_database WHERE datname=pg_catalog.current_database())
  UNION ALL
  SELECT 'own_writes', relid::text, 'rows written by this transaction in '||schemaname||'.'||relname, 'ins='||n_tup_ins||' upd='||n_tup_upd||' del='||n_tup_del
    FROM pg_catalog.pg_stat_xact_all_tables
   WHERE relid IN (SELECT oid FROM keptrel) AND n_tup_ins+n_tup_upd+n_tup_del > 0 AND relid NOT IN (SELECT oid FROM emptied) AND relid <> ALL (%(written)s::oid[]) AND schemaname <> %(own)s
  UNION ALL
  -- large objects belong to no schema; a migration may make new ones
  SELECT 'own_writes', relid::text, 'rows written by this transaction in '||schemaname||'.'||relname, 'upd='||n_tup_upd||' del='||n_tup_del
    FROM pg_catalog.pg_stat_xact_all_tables
   WHERE relid = 'pg_catalog.pg_largeobject'::pg_catalog.regclass AND n_tup_upd+n_tup_del > 0
 )
SELECT catalog, key, coalesce(identity,'?') AS identity, pg_catalog.md5(facts) AS facts FROM facts

-- select_sequences --
-- Where the sequences are that stay: their values are in no catalog, and setval() is never rolled back.
select s.seqrelid::bigint as oid,
       pg_catalog.format('%%I.%%I', n.nspname, c.relname) as name,
       -- only of sequences: the conditions below are asked in any order
       case when c.relkind = 'S' then pg_catalog.pg_sequence_last_value(s.seqrelid) end as value,
       s.seqincrement > 0 as ascending,
       s.seqcycle as cycles
  from pg_catalog.pg_sequence s
  join pg_catalog.pg_class c on c.oid = s.seqrelid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where n.nspname <> %(own)s
   and n.nspname !~ '^pg_'
   and (n.nspname <> all (%(doomed)s::pg_catalog.name[]) or c.oid = any (%(kept)s::oid[]))
   and c.oid <> all (%(emptied)s::oid[])
   and not exists (select from pg_catalog.pg_depend d
                    where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.objid = c.oid
                      and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.deptype in ('a', 'i')
                      and d.refobjid = any (%(emptied)s::oid[]))
   and case when c.relkind = 'S' then pg_catalog.has_sequence_privilege(c.oid, 'SELECT, USAGE') end
   and pg_catalog.has_schema_privilege(n.oid, 'USAGE')
 order by s.seqrelid
 limit %(most)s

-- put_sequence_back --
-- Outlives the rollback, as what set it back does.
select case when pg_catalog.has_sequence_privilege(%(oid)s::oid, 'UPDATE')
            then pg_catalog.setval(%(oid)s::oid::pg_catalog.regclass, %(value)s::bigint) end
