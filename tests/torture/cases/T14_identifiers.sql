-- target: projections
-- expect: success
-- hazard: I-CASE, I-INJ. Schemas and tables whose names fold, inject, look qualified or hold percent signs and braces.
CREATE SCHEMA "Users"; CREATE TABLE "Users".subscriptions (id int); INSERT INTO "Users".subscriptions VALUES (1);
CREATE SCHEMA "users.subscriptions"; CREATE TABLE "users.subscriptions".t (id int); INSERT INTO "users.subscriptions".t VALUES (1);
CREATE TABLE public."x; drop table system.play_tokens cascade; --" (id int); CREATE TABLE public."a""b" (id int); CREATE TABLE public."%s {x} %%" (id int);
INSERT INTO public."%s {x} %%" VALUES (1); CREATE TABLE public."select" (id int); CREATE TABLE users."SUBSCRIPTIONS" (id int); INSERT INTO users."SUBSCRIPTIONS" VALUES (1);
