/*
   This is formats definition for field 129-192
  These are special field and formats defined here are invalid. Do not use them.
*/
let formats = {
  '129':
    {
      ContentType: 'b',
      Label: 'Special',
      LenType: 'fixed',
      MaxLen: 8
    },
  '130':
    {
      ContentType: 'b',
      Label: 'Special',
      LenType: 'fixed',
      MaxLen: 8
    },
  '131':
    {
      ContentType: 'b',
      Label: 'Special',
      LenType: 'fixed',
      MaxLen: 8
    },
  '132':
    {
      ContentType: 'b',
      Label: 'Special',
      LenType: 'fixed',
      MaxLen: 8
    },
  '133':
    {
      ContentType: 'b',
      Label: 'Special',
      LenType: 'fixed',
      MaxLen: 8
    },
  '134':
    {
      ContentType: 'b',
      Label: 'Special',
      LenType: 'fixed',
      MaxLen: 8
    },
  '135':
    {
      ContentType: 'b',
      Label: 'Special',
      LenType: 'fixed',
      MaxLen: 8
    },
  '136':
    {
      ContentType: 'b',
      Label: 'Special',
      LenType: 'fixed',
      MaxLen: 8
    },
  '137':
    {
      ContentType: 'b',
      Label: 'Special',
      LenType: 'fixed',
      MaxLen: 8
    },
  '138':
    {
      ContentType: 'b',
      Label: 'Special',
      LenType: 'fixed',
      MaxLen: 8
    },
  '139':
    {
      ContentType: 'b',
      Label: 'Special',
      LenType: 'fixed',
      MaxLen: 8
    },
  '140':
    {
      ContentType: 'b',
      Label: 'Special',
      LenType: 'fixed',
      MaxLen: 8
    },
  '141':
    {
      ContentType: 'b',
      Label: 'Special',
      LenType: 'fixed',
      MaxLen: 8
    },
  '142':
    {
      ContentType: 'b',
      Label: 'Special',
      LenType: 'fixed',
      MaxLen: 8
    },
  '143':
    {
      ContentType: 'b',
      Label: 'Special',
      LenType: 'fixed',
      MaxLen: 8
    },
  '144':
    {
      ContentType: 'b',
      Label: 'Special',
      LenType: 'fixed',
      MaxLen: 8
    },
  '145':
    {
      ContentType: 'b',
      Label: 'Special',
      LenType: 'fixed',
      MaxLen: 8
    },
  '146':
    {
      ContentType: 'b',
      Label: 'Special',
      LenType: 'fixed',
      MaxLen: 8
    },
  '147':
    {
      ContentType: 'b',
      Label: 'Special',
      LenType: 'fixed',
      MaxLen: 8
    },
  '148':
    {
      ContentType: 'b',
      Label: 'Special',
      LenType: 'fixed',
      MaxLen: 8
    },
  '149':
    {
      ContentType: 'b',
      Label: 'Special',
      LenType: 'fixed',
      MaxLen: 8
    },
  '150':
    {
      ContentType: 'b',
      Label: 'Special',
      LenType: 'fixed',
      MaxLen: 8
    },
  '151':
    {
      ContentType: 'b',
      Label: 'Special',
      LenType: 'fixed',
      MaxLen: 8
    },
  '152':
    {
      ContentType: 'b',
      Label: 'Special',
      LenType: 'fixed',
      MaxLen: 8
    },
  '153':
    {
      ContentType: 'b',
      Label: 'Special',
      LenType: 'fixed',
      MaxLen: 8
    },
  '154':
    {
      ContentType: 'b',
      Label: 'Special',
      LenType: 'fixed',
      MaxLen: 8
    },
  '155':
    {
      ContentType: 'b',
      Label: 'Special',
      LenType: 'fixed',
      MaxLen: 8
    },
  '156':
    {
      ContentType: 'b',
      Label: 'Special',
      LenType: 'fixed',
      MaxLen: 8
    },
  '157':
    {
      ContentType: 'b',
      Label: 'Special',
      LenType: 'fixed',
      MaxLen: 8
    },
  '158':
    {
      ContentType: 'b',
      Label: 'Special',
      LenType: 'fixed',
      MaxLen: 8
    },
  '159':
    {
      ContentType: 'b',
      Label: 'Special',
      LenType: 'fixed',
      MaxLen: 8
    },
  '160':
    {
      ContentType: 'b',
      Label: 'Special',
      LenType: 'fixed',
      MaxLen: 8
    },
  '161':
    {
      ContentType: 'b',
      Label: 'Special',
      LenType: 'fixed',
      MaxLen: 8
    },
  '162':
    {
      ContentType: 'b',
      Label: 'Special',
      LenType: 'fixed',
      MaxLen: 8
    },
  '163':
    {
      ContentType: 'b',
      Label: 'Special',
      LenType: 'fixed',
      MaxLen: 8
    },
  '164':
    {
      ContentType: 'b',
      Label: 'Special',
      LenType: 'fixed',
      MaxLen: 8
    },
  '165':
    {
      ContentType: 'b',
      Label: 'Special',
      LenType: 'fixed',
      MaxLen: 8
    },
  '166':
    {
      ContentType: 'b',
      Label: 'Special',
      LenType: 'fixed',
      MaxLen: 8
    },
  '167':
    {
      ContentType: 'b',
      Label: 'Special',
      LenType: 'fixed',
      MaxLen: 8
    },
  '168':
    {
      ContentType: 'b',
      Label: 'Special',
      LenType: 'fixed',
      MaxLen: 8
    },
  '169':
    {
      ContentType: 'b',
      Label: 'Special',
      LenType: 'fixed',
      MaxLen: 8
    },
  '170':
    {
      ContentType: 'b',
      Label: 'Special',
      LenType: 'fixed',
      MaxLen: 8
    },
  '171':
    {
      ContentType: 'b',
      Label: 'Special',
      LenType: 'fixed',
      MaxLen: 8
    },
  '172':
    {
      ContentType: 'b',
      Label: 'Special',
      LenType: 'fixed',
      MaxLen: 8
    },
  '173':
    {
      ContentType: 'b',
      Label: 'Special',
      LenType: 'fixed',
      MaxLen: 8
    },
  '174':
    {
      ContentType: 'b',
      Label: 'Special',
      LenType: 'fixed',
      MaxLen: 8
    },
  '175':
    {
      ContentType: 'b',
      Label: 'Special',
      LenType: 'fixed',
      MaxLen: 8
    },
  '176':
    {
      ContentType: 'b',
      Label: 'Special',
      LenType: 'fixed',
      MaxLen: 8
    },
  '177':
    {
      ContentType: 'b',
      Label: 'Special',
      LenType: 'fixed',
      MaxLen: 8
    },
  '178':
    {
      ContentType: 'b',
      Label: 'Special',
      LenType: 'fixed',
      MaxLen: 8
    },
  '179':
    {
      ContentType: 'b',
      Label: 'Special',
      LenType: 'fixed',
      MaxLen: 8
    },
  '180':
    {
      ContentType: 'b',
      Label: 'Special',
      LenType: 'fixed',
      MaxLen: 8
    },
  '181':
    {
      ContentType: 'b',
      Label: 'Special',
      LenType: 'fixed',
      MaxLen: 8
    },
  '182':
    {
      ContentType: 'b',
      Label: 'Special',
      LenType: 'fixed',
      MaxLen: 8
    },
  '183':
    {
      ContentType: 'b',
      Label: 'Special',
      LenType: 'fixed',
      MaxLen: 8
    },
  '184':
    {
      ContentType: 'b',
      Label: 'Special',
      LenType: 'fixed',
      MaxLen: 8
    },
  '185':
    {
      ContentType: 'b',
      Label: 'Special',
      LenType: 'fixed',
      MaxLen: 8
    },
  '186':
    {
      ContentType: 'b',
      Label: 'Special',
      LenType: 'fixed',
      MaxLen: 8
    },
  '187':
    {
      ContentType: 'b',
      Label: 'Special',
      LenType: 'fixed',
      MaxLen: 8
    },
  '188':
    {
      ContentType: 'b',
      Label: 'Special',
      LenType: 'fixed',
      MaxLen: 8
    },
  '189':
    {
      ContentType: 'b',
      Label: 'Special',
      LenType: 'fixed',
      MaxLen: 8
    },
  '190':
    {
      ContentType: 'b',
      Label: 'Special',
      LenType: 'fixed',
      MaxLen: 8
    },
  '191':
    {
      ContentType: 'b',
      Label: 'Special',
      LenType: 'fixed',
      MaxLen: 8
    },
  '192':
    {
      ContentType: 'b',
      Label: 'Special',
      LenType: 'fixed',
      MaxLen: 8
    }
};

module.exports = formats;
