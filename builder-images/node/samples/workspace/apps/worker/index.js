console.log('only here to be left out');
