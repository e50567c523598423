-- What an MSP says of itself: to its people, and in what its clients are given to read.
set local lock_timeout = '5s';

alter table msp
    add column language text not null default 'en',
    -- What clients know it by, where that is not its name; and whom they ask.
    add column display_name text,
    add column support_contact text,
    add column version bigint not null default 1;
alter table msp
    add constraint msp_language_is_known check (language in ('en', 'ja')) not valid,
    add constraint msp_profile_texts_have_a_length check (
        char_length(display_name) between 1 and 200 and char_length(support_contact) between 1 and 300
    ) not valid;
grant update (name, language, display_name, support_contact, version) on msp to daimon_app;
