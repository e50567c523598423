-- What is planned for hours ahead was planned by a clock that has been set back since, unless the mailbox was set aside. The
-- fleet's role, which lists what is due, can tell the two apart by the code.
set local lock_timeout = '5s';

grant select (connection_fault) on mailbox to daimon_fleet;
