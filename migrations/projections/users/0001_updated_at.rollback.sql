-- Takes back 0001_updated_at.
drop function update_updated_at_column();
