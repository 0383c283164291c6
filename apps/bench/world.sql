-- The bench's tables, made anew: psql -f apps/bench/world.sql
-- Not a migration: they belong to no app but this, and hold nothing to keep.
drop table if exists world;
drop table if exists fortune;

create table world (
    id           integer primary key,
    randomnumber integer not null
);
select setseed(0.5) \g /dev/null
insert into world select n, 1 + floor(random() * 10000)::integer from generate_series(1, 10000) as n;

create table fortune (
    id      integer primary key,
    message text not null
);
insert into fortune values
    (1, 'The cheapest query is the one that nobody has to send.'),
    (2, 'Salt & pepper, 3 < 4, and "quotes" arrive as they were written.'),
    (3, 'Whoever measures once remembers the number; whoever measures twice doubts it.'),
    (4, '<script>alert("only text")</script>'),
    (5, 'It''s the apostrophe that finds the missing placeholder.'),
    (6, '月の谷に水はないが、言葉は流れる。');
analyze world;
analyze fortune;
