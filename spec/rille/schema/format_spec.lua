--- Formats of texts: tables of what is one, and what only looks like one.
local format = require "rille.schema.format"

local function check(read, taken, refused)
  for _, text in ipairs(taken) do
    assert.is_truthy(read(text), ("%q should be taken"):format(text))
  end
  for _, text in ipairs(refused) do
    assert.is_falsy(read(text), ("%q should be refused"):format(text))
  end
end

describe("date", function()
  it("knows the calendar", function()
    check(format.date,
      { "2024-02-29", "2000-02-29", "2023-02-28", "2024-01-31", "2024-04-30", "2024-12-31", "0001-01-01", "9999-12-31", "1600-02-29" },
      { "2023-02-29", "1900-02-29", "2100-02-29", "2024-02-30", "2024-04-31", "2024-06-31", "2024-09-31", "2024-11-31",
        "2024-00-10", "2024-13-01", "2024-01-00", "2024-01-32", "0000-01-01" })
  end)

  it("wants ten bytes in their places", function()
    check(format.date, {}, {
      "", "2024", "2024-1-1", "2024-01-1", "20240101", "24-01-01", "2024/01/01", "2024-01-01 ", " 2024-01-01", "2024-01-01T",
      "+024-01-01", "2024-0a-01", "2024-01-0\0", "２024-01-01", "2024-01-01\n", "-2024-01-1", "2024-+1-01", "12024-01-01",
    })
  end)

  it("counts the days since 1970", function()
    for text, days in pairs { ["1970-01-01"] = 0, ["1969-12-31"] = -1, ["2000-03-01"] = 11017, ["2024-02-29"] = 19782, ["0001-01-01"] = -719162 } do
      assert.equal(days, format.date(text), text)
    end
  end)

  it("never leaves out a day, and never counts one twice", function()
    local lengths, day = { 31, 0, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 }, format.date "1896-01-01"
    for year = 1896, 2104 do
      for month = 1, 12 do
        local length = lengths[month]
        if month == 2 then
          length = (year % 4 == 0 and year % 100 ~= 0 or year % 400 == 0) and 29 or 28
        end
        for d = 1, length do
          assert.equal(day, format.date(("%04d-%02d-%02d"):format(year, month, d)))
          day = day + 1
        end
        assert.is_nil(format.date(("%04d-%02d-%02d"):format(year, month, length + 1)))
      end
    end
  end)
end)

describe("datetime", function()
  it("follows RFC 3339", function()
    check(format.datetime, {
      "2024-02-29T09:30:00Z", "2024-02-29t09:30:00z", "2024-02-29T09:30:00.5Z", "2024-02-29T09:30:00.123456789Z",
      "2024-02-29T23:59:59+23:59", "2024-02-29T00:00:00-23:59", "1985-04-12T23:20:50.52Z", "1996-12-19T16:39:57-08:00",
      "1990-12-31T23:59:60Z", "1990-12-31T15:59:60-08:00", "1937-01-01T12:00:27.87+00:20", "2024-01-01T00:00:00-00:00",
      "1998-12-31T23:59:60.123Z",
    }, {
      "", "2024-02-29", "2024-02-29T09:30:00", "2024-02-29 09:30:00Z", "2024-02-29T09:30Z", "2023-02-29T09:30:00Z",
      "2024-02-29T24:00:00Z", "2024-02-29T09:60:00Z", "2024-02-29T09:30:61Z", "2024-02-29T09:30:60Z",
      "1990-12-31T23:59:60+01:00", "1990-12-31T22:59:60Z", "2024-02-29T09:30:00.Z", "2024-02-29T09:30:00,5Z",
      "2024-02-29T09:30:00+24:00", "2024-02-29T09:30:00+01:60", "2024-02-29T09:30:00+0100", "2024-02-29T09:30:00+01",
      "2024-02-29T09:30:00+1:00", "2024-02-29T09:30:00ZZ", "2024-02-29T09:30:00Z ", "2024-02-29T09:30:00z+01:00",
      "2024-02-29T9:30:00Z00", "2024-02-29T09:30:0Z00", "2024-02-29T09-30-00Z", "2024-02-29T09:30:00.1", "2024-02-29T09:30:00\0Z",
      "2024-02-29T09:30:00." .. ("1"):rep(100000) .. "Z", "2024-02-29T09:30:00.１Z", "2024-02-29T09:30:00 02:00",
    })
  end)

  it("is a moment, whatever the offset", function()
    assert.equal(format.datetime "2024-02-29T09:30:00Z", format.datetime "2024-02-29T11:30:00+02:00")
    assert.equal(format.datetime "2024-03-01T00:30:00Z", format.datetime "2024-02-29T23:00:00-01:30")
    assert.equal(0.5, format.datetime "1970-01-01T00:00:00.5Z")
    assert.equal(1709199000, format.datetime "2024-02-29T09:30:00Z")
  end)
end)

describe("is_uuid", function()
  it("wants 36 bytes, four of them minus", function()
    check(format.is_uuid, {
      "9c0b1ef8-bb6d-4bb9-bd38-0a11f0b2c3d4", "9C0B1EF8-BB6D-4BB9-BD38-0A11F0B2C3D4", "00000000-0000-0000-0000-000000000000",
      "ffffffff-ffff-ffff-ffff-ffffffffffff", "018f3b1e-7c4a-7def-8abc-1234567890ab",
    }, {
      "", "9c0b1ef8bb6d4bb9bd380a11f0b2c3d4", "{9c0b1ef8-bb6d-4bb9-bd38-0a11f0b2c3d4}", "9c0b1ef8-bb6d-4bb9-bd38-0a11f0b2c3d",
      "9c0b1ef8-bb6d-4bb9-bd38-0a11f0b2c3d44", "9c0b1ef8-bb6d-4bb9-bd38-0a11f0b2c3dg", "9c0b1ef8_bb6d_4bb9_bd38_0a11f0b2c3d4",
      "9c0b1ef-8bb6d-4bb9-bd38-0a11f0b2c3d4", "9c0b1ef8-bb6d-4bb9-bd38-0a11f0b2c3d\0", "9c0b1ef8-bb6d-4bb9-bd38-0a11f0b2c3d\n",
      "------------------------------------",
    })
  end)
end)

describe("is_email", function()
  it("takes what mail can be sent to", function()
    check(format.is_email, {
      "a@b.c", "ann@example.com", "first.last+tag@sub.example.co.uk", "o'brien@example.ie", "x_y-z@ex-ample.org", "1@2.3",
      "!#$%&'*+/=?^_`{|}~-@example.com", ("l"):rep(64) .. "@example.com", "a@" .. ("d"):rep(63) .. ".com",
      "a@xn--bcher-kva.example",
    }, {
      "", "a", "@", "a@", "@b.c", "a@b", "a@localhost", "a@@b.c", "a@b@c.d", "a b@c.d", "a@b c.d", " a@b.c", "a@b.c ", "a@b.c\n",
      ".a@b.c", "a.@b.c", "a..b@c.d", "a@.b.c", "a@b.c.", "a@b..c", "a@-b.c", "a@b-.c", "a@b.c-", "a@b.-c", "a@b_c.d",
      '"a b"@c.d', "a@[127.0.0.1]", "ä@b.c", "a@ä.c", "a\0@b.c", "a@b.c\0", "a@b.c,d@e.f", "Ann <a@b.c>", "mailto:a@b.c",
      ("l"):rep(65) .. "@example.com", "a@" .. ("d"):rep(64) .. ".com", "a@" .. ("d."):rep(126) .. "com", "a@b.c\r\nBcc: x@y.z",
    })
  end)
end)

describe("is_utf8", function()
  it("refuses overlong forms, surrogates and what is beyond U+10FFFF", function()
    check(format.is_utf8, {
      "", "plain", "\0", "ä", "€", "😀", "\194\128", "\223\191", "\224\160\128", "\237\159\191", "\238\128\128", "\239\191\191",
      "\240\144\128\128", "\244\143\191\191", "aäb€c😀d",
    }, {
      "\128", "\191", "\192\128", "\193\191", "\194", "\194a", "\224\128\128", "\224\159\191", "\224\160", "\237\160\128", "\237\191\191",
      "\240\128\128\128", "\240\143\191\191", "\244\144\128\128", "\245\128\128\128", "\255", "\254", "ab\194", "\226\130", "\240\159\152",
      "\226\130a", "\240\159\152a",
    })
  end)

  it("counts characters, not bytes", function()
    for text, count in pairs { [""] = 0, abc = 3, ["ä"] = 1, ["€uro"] = 4, ["😀😀"] = 2 } do
      assert.equal(count, format.count(text))
    end
  end)
end)

describe("to_integer", function()
  it("takes decimal digits", function()
    for text, value in pairs { ["0"] = 0, ["-1"] = -1, ["42"] = 42, ["007"] = 7, ["-0"] = 0, ["0000"] = 0,
      ["9007199254740992"] = 2 ^ 53, ["-9007199254740992"] = -2 ^ 53, ["0009007199254740991"] = 2 ^ 53 - 1 } do
      assert.equal(value, format.to_integer(text), text)
    end
    assert.equal("inf", tostring(1 / format.to_integer "-0"))
  end)

  it("refuses everything else, and what is not exact", function()
    check(format.to_integer, {}, {
      "", "-", "+1", "--1", "1.0", "1e3", "0x10", " 1", "1 ", "1\n", "1\0", "nan", "inf", "1_000", "1,000", "１", "9007199254740993",
      "-9007199254740993", "9007199254740994", "99999999999999999999", ("9"):rep(100000), ("0"):rep(100000),
    })
  end)
end)

describe("to_number", function()
  it("takes digits, a fraction, an exponent", function()
    for text, value in pairs { ["0"] = 0, ["-1.5"] = -1.5, ["1e3"] = 1000, ["1E+3"] = 1000, ["25e-2"] = 0.25, ["007.50"] = 7.5 } do
      assert.equal(value, format.to_number(text), text)
    end
  end)

  it("refuses everything else", function()
    check(format.to_number, {}, {
      "", "-", ".5", "5.", "+5", "1e", "1e+", "e5", "1.e5", "0x10", "0x1p4", "inf", "-inf", "nan", " 1", "1 ", "1\0", "1.2.3", "1e5.5",
      "1e999", "-1e999", "1d3", "1ULL", "1i", ("1"):rep(101),
    })
  end)
end)

describe("to_boolean", function()
  it("knows eight words", function()
    for text, value in pairs { ["true"] = true, ["1"] = true, on = true, yes = true, ["false"] = false, ["0"] = false, off = false, no = false } do
      assert.equal(value, format.to_boolean(text))
    end
    check(format.to_boolean, {}, { "", "True", "TRUE", "2", "y", "t", " true", "__index", "constructor" })
  end)
end)

describe("long texts", function()
  it("are read once at most", function()
    local before = os.clock()
    local long = ("a"):rep(4 * 1024 * 1024)
    for _, read in pairs { format.date, format.datetime, format.is_uuid, format.is_email, format.is_utf8, format.to_integer,
      format.to_number, format.to_boolean, format.count } do
      read(long)
      read(long .. "@")
    end
    assert.is_true(os.clock() - before < 5, "quadratic time would be hours")
  end)
end)
