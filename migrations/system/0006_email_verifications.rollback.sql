-- Takes back 0006_email_verifications.
drop table email_verifications;
